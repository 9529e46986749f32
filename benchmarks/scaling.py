"""How the cost grows with images and with epochs: `python -m benchmarks.scaling`.

Times `cae.pretrain` with the origin's configuration on CIFAR-10's thinned training images: one
epoch of 2,000 to 42,500 images, and 1 to 8 epochs of 2,000. The exponent of a fit to a power
of the size is 1 where the cost is linear. Writes the figures and their plot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from rich.console import Console

import cae
from benchmarks.record import RESULTS, write_result
from cae.report.figures.page import open_page
from cae.runtime.device import describe_environment

IMAGES = (2_000, 5_000, 10_000, 20_000, 42_500)
EPOCHS = (1, 2, 4, 8)
FEWEST = IMAGES[0]
_SECONDS = (1, 2, 5, 10, 20, 50, 100, 200)


def time_pretraining(images: cae.ImageSet, *, epochs: int) -> float:
    """Return the seconds that `cae.pretrain` takes, validation on 250 images included."""
    config = cae.AutoencoderConfig(epochs=epochs)
    validation = take(images, 250)
    started = time.perf_counter()
    cae.pretrain(images, validation, config, runtime=cae.choose_runtime())
    return time.perf_counter() - started


def take(images: cae.ImageSet, count: int) -> cae.ImageSet:
    """Return the first `count` of the images."""
    assert images.labels is not None
    return cae.ImageSet(
        images.images[:count], images.labels[:count], images.class_names, images.name
    )


def fit_exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return k of the least-squares fit of seconds to a multiple of size^k, on log scales."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def main() -> None:
    """Measure, fit, write, draw."""
    console = Console()
    splits = cae.make_splits(cae.load_dataset("cifar10"), cae.DataConfig())
    both = [splits.train, splits.validation]
    images = cae.ImageSet(
        np.concatenate([part.images for part in both]),
        np.concatenate([part.labels for part in both if part.labels is not None]),
        splits.train.class_names,
        "CIFAR-10, train and validation",
    )
    time_pretraining(take(images, FEWEST), epochs=1)  # The libraries set themselves up.

    def measure(sizes: Sequence[int], cost: Callable[[int], float], unit: str) -> dict[str, object]:
        seconds: list[float] = []
        for size in sizes:
            seconds.append(round(cost(size), 3))
            console.print(f"{size:>7,} {unit}: {seconds[-1]:.2f} s")
        exponent = round(fit_exponent(sizes, seconds), 4)
        console.print(f"exponent {exponent}")
        return {"sizes": list(sizes), "seconds": seconds, "exponent": exponent}

    by_images = measure(IMAGES, lambda n: time_pretraining(take(images, n), epochs=1), "images")
    by_epochs = measure(
        EPOCHS, lambda n: time_pretraining(take(images, FEWEST), epochs=n), "epochs"
    )
    write_result(
        RESULTS / "scaling.json",
        {"images": by_images, "epochs": by_epochs},
        command="python -m benchmarks.scaling",
        environment=describe_environment(cae.choose_runtime()),
    )
    draw({"images (one epoch)": by_images, f"epochs ({FEWEST:,} images)": by_epochs})


def draw(measured: dict[str, dict[str, object]]) -> None:
    """Draw seconds against sizes, each with the line through its last point."""
    with open_page(
        RESULTS / "scaling.png",
        title="Cost of training the autoencoder",
        subtitle="log scales",
        body_pixels=420,
    ) as figure:
        for place, (label, one) in enumerate(measured.items(), start=1):
            sizes, seconds = np.array(one["sizes"]), np.array(one["seconds"])
            axes = figure.add_subplot(1, len(measured), place, xlabel=label)
            fitted = f"measured, exponent {one['exponent']:.2f}"
            axes.loglog(sizes, seconds, marker="o", label=fitted)
            axes.loglog(
                sizes,
                seconds[-1] * sizes / sizes[-1],
                linestyle="--",
                color="gray",
                label="proportional",
            )
            axes.minorticks_off()  # Powers of ten would be labelled in mathematical notation.
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
            marks = [mark for mark in _SECONDS if seconds.min() <= mark <= seconds.max()]
            axes.set_yticks(marks, [f"{mark} s" for mark in marks])
            axes.legend(frameon=False)


if __name__ == "__main__":
    main()
