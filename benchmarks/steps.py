"""One contestant's training step, timed in a process of its own: `python -m benchmarks.steps`."""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cae.config import AutoencoderConfig, ClassifierConfig
from cae.data.augment import make_augmentation
from cae.data.batches import Batches
from cae.data.images import ImageSet
from cae.models.autoencoder import make_autoencoder
from cae.models.blocks import ByteDropout
from cae.models.classifier import make_classifier
from cae.runtime.device import choose_runtime, describe_environment
from cae.training.objectives import ClassificationObjective, Objective, ReconstructionObjective
from cae.training.optim import make_optimizer

Step = Callable[[], None]

_IMAGES = 4096  # Random pixels: no step's time depends on what the images show.


def make_images() -> ImageSet:
    """Return random labelled images of CIFAR-10's shape."""
    generator = np.random.default_rng(0)
    return ImageSet(
        generator.integers(0, 256, (_IMAGES, 3, 32, 32), dtype=np.uint8),
        generator.integers(0, 10, _IMAGES),
        tuple(str(digit) for digit in range(10)),
        "random images",
    )


def make_our_step(
    model: nn.Module,
    objective: Objective,
    config: AutoencoderConfig | ClassifierConfig,
    batches: Batches,
) -> Step:
    """Return the step as `cae.training.trainer.fit` takes it."""
    runtime = choose_runtime()
    runtime.place(model)
    model.train()
    optimizer = make_optimizer(model.parameters(), config)
    served = batches.epoch(1)

    def step() -> None:
        nonlocal served
        batch = next(served, None)
        if batch is None:
            served = batches.epoch(1)
            batch = next(served)
        with runtime.autocast():
            measured = objective.measure(model, batch)
        optimizer.zero_grad(set_to_none=True)
        measured.loss.backward()
        optimizer.step()

    return step


def make_autoencoder_step() -> Step:
    """Return our step of the origin's autoencoder."""
    config = AutoencoderConfig()
    batches = Batches(
        make_images(), runtime=choose_runtime(), batch_size=config.batch_size, shuffle_seed=0
    )
    return make_our_step(make_autoencoder(config), ReconstructionObjective(config), config, batches)


def make_classifier_step(*, freeze_encoder: bool) -> Step:
    """Return our step of the origin's classifier, with its augmentation."""
    autoencoder, config = AutoencoderConfig(), ClassifierConfig(freeze_encoder=freeze_encoder)
    batches = Batches(
        make_images(),
        runtime=choose_runtime(),
        batch_size=config.batch_size,
        shuffle_seed=0,
        augmentation=make_augmentation(config),
    )
    return make_our_step(
        make_classifier(autoencoder, config, num_classes=10),
        ClassificationObjective(autoencoder),
        config,
        batches,
    )


def make_plain_step() -> Step:
    """Return the same autoencoder's step as a tutorial has it: NCHW, float32, `nn.Dropout`."""
    config = AutoencoderConfig()
    model = make_autoencoder(config).train()
    for block in model.encoder.blocks:
        for name, layer in block.named_children():
            if isinstance(layer, ByteDropout):
                setattr(block, name, nn.Dropout(layer.rate))
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    pixels = torch.from_numpy(make_images().images).float() / 255
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(pixels), batch_size=config.batch_size, shuffle=True
    )
    served = iter(loader)

    def step() -> None:
        nonlocal served
        drawn = next(served, None)
        if drawn is None:
            served = iter(loader)
            drawn = next(served)
        images = drawn[0]
        loss = F.mse_loss(model(images), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


CONTESTANTS: dict[str, Callable[[], Step]] = {
    "autoencoder, cae": make_autoencoder_step,
    "autoencoder, plain PyTorch": make_plain_step,
    "classifier on a frozen encoder, cae": lambda: make_classifier_step(freeze_encoder=True),
    "classifier with its encoder, cae": lambda: make_classifier_step(freeze_encoder=False),
}


def measure(name: str, *, steps: int) -> dict[str, float]:
    """Return images per second over `steps` steps after a warm-up, and the peak memory in MiB."""
    step = CONTESTANTS[name]()
    for _ in range(5):
        step()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    seconds = time.perf_counter() - started
    batch_size = AutoencoderConfig().batch_size
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"images_per_second": steps * batch_size / seconds, "peak_mib": peak_kib / 1024}


def main() -> None:
    """Time the contestant named on the command line and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CONTESTANTS)
    parser.add_argument("--steps", type=int, default=40)
    arguments = parser.parse_args()
    measured = measure(arguments.name, steps=arguments.steps)
    print(json.dumps({**measured, "environment": describe_environment(choose_runtime())}))


if __name__ == "__main__":
    main()
