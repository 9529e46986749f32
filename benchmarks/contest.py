"""One contestant in a process of its own: `python -m benchmarks.contest TASK CONTESTANT`.

Prints one JSON object: rates by case, the process's peak memory, and the conditions.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
from collections.abc import Callable
from typing import Any

from benchmarks.timing import Step, time_steps
from benchmarks.workload import BATCH_SIZE, DECODER, ENCODER, HEAD, INFERENCE_BATCH_SIZES

# What each contestant returns: images per second (of the machine's limits, FLOP/s) by case.
Rates = dict[str, float]
Contestant = Callable[[int], Rates]

OURS = "cae"
OURS_FLOAT32 = "cae, float32"
FLOOR = "the convolutions alone"
PEAK = "matrix product"
TRAINING = "batch 64"


def compete(steps: int, make_step: Callable[[], Step]) -> Rates:
    """Return the images per second of a training step."""
    return {TRAINING: BATCH_SIZE / time_steps(make_step(), steps=steps)}


def predict(steps: int, make_predictor: Callable[[int], Step]) -> Rates:
    """Return the images per second of inference by batch size."""
    rates: Rates = {}
    for size in INFERENCE_BATCH_SIZES:
        # As many images as the training steps see, or as many calls where the batches are small.
        calls = max(2, min(steps, steps * BATCH_SIZE // size))
        rates[f"batch {size}"] = size / time_steps(make_predictor(size), steps=calls, warmup=2)
    return rates


def _make_ours(task: str, precision: str) -> Contestant:
    def run(steps: int) -> Rates:
        from benchmarks.contestants import ours
        from cae.runtime.device import choose_runtime

        runtime = choose_runtime(precision=precision)
        if task == "inference":
            return predict(steps, lambda size: ours.make_predictor(runtime, size))
        make = {
            "autoencoder": ours.make_autoencoder_step,
            "classifier": ours.make_classifier_step,
        }
        return compete(steps, lambda: make[task](runtime))

    return run


def _make_keras(task: str, backend: str) -> Contestant:
    def run(steps: int) -> Rates:
        os.environ["KERAS_BACKEND"] = backend
        from benchmarks.contestants import keras3

        if task == "inference":
            return predict(steps, keras3.make_predictor)
        time_fit = {
            "autoencoder": keras3.time_autoencoder_fit,
            "classifier": keras3.time_classifier_fit,
        }
        return {TRAINING: BATCH_SIZE / time_fit[task](steps=steps)}

    return run


def _make_plain(task: str, *, workers: int = 0) -> Contestant:
    def run(steps: int) -> Rates:
        from benchmarks.contestants import plain

        if task == "inference":
            return predict(steps, plain.make_predictor)
        if task == "autoencoder":
            return compete(steps, plain.make_autoencoder_step)
        return compete(steps, lambda: plain.make_classifier_step(workers=workers))

    return run


def _make_floor(task: str) -> Contestant:
    def run(steps: int) -> Rates:
        from benchmarks.contestants.machine import make_convolutions_step
        from cae.runtime.device import choose_runtime

        layers = {
            "autoencoder": {"trained": (*ENCODER, *DECODER)},
            "classifier": {"frozen": ENCODER, "trained": HEAD},
        }
        return compete(steps, lambda: make_convolutions_step(choose_runtime(), **layers[task]))

    return run


def measure_peak(steps: int) -> Rates:
    """Return the FLOP/s of the matrix product by precision.

    In float32, and in bfloat16 where the machine computes it: emulated, one product takes a minute.
    """
    from benchmarks.contestants.machine import measure_matrix_peak
    from cae.runtime.device import choose_runtime

    return {
        precision: measure_matrix_peak(choose_runtime(precision=precision), repeats=steps)
        for precision in sorted({"float32", choose_runtime().precision})
    }


def make_contestants(task: str) -> dict[str, Contestant]:
    """Return the contestants of "autoencoder", "classifier", "inference" or "machine"."""
    if task == "machine":
        return {PEAK: measure_peak}
    contestants: dict[str, Contestant] = {
        OURS: _make_ours(task, "auto"),
        OURS_FLOAT32: _make_ours(task, "float32"),
        "Keras 3 on TensorFlow": _make_keras(task, "tensorflow"),
        "Keras 3 on PyTorch": _make_keras(task, "torch"),
        "plain PyTorch": _make_plain(task),
    }
    if task == "classifier":
        contestants["plain PyTorch, 2 loader processes"] = _make_plain(task, workers=2)
    if task != "inference":
        contestants[FLOOR] = _make_floor(task)
    return contestants


TASKS = {
    task: make_contestants(task) for task in ("machine", "autoencoder", "classifier", "inference")
}


def main() -> None:
    """Measure the contestant that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contest", description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("contestant")
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    rates = TASKS[options.task][options.contestant](options.steps)
    print(json.dumps({"rates": rates, **_describe_process()}))


def _describe_process() -> dict[str, Any]:
    from cae.runtime.device import choose_runtime, describe_environment

    # Linux counts in KiB. A DataLoader's processes are children and count apart.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"peak_mib": peak, "environment": describe_environment(choose_runtime())}


if __name__ == "__main__":
    main()
