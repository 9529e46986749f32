"""What the report says of runs: sentences that follow from their figures."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import numpy as np

from cae.report.names import name_data, spell_out
from cae.report.phrases import (
    capitalise,
    count_noun,
    write_count,
    write_percent,
    write_range,
    write_share,
)
from cae.report.results.seeds import Accuracy, Group
from cae.report.results.sources import Run, Training
from cae.report.words.recipe import is_of_preset
from cae.report.words.tasks import TARGETS, name_task
from cae.wording import join

_OPTIMIZERS = {"adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}


def tell_data(run: Run) -> str:
    """Say which images are removed, and how the others are split."""
    data, split = run.config["data"], run.evaluation["split"]
    thinned = run.evaluation["thinned_classes"]
    train, test = split["train"]["images"], split["test"]["images"]
    validation = split.get("validation", {}).get("images", 0)
    sentences: list[str] = []
    if thinned and data["remove_fraction"]:
        sentences.append(
            f"{capitalise(write_share(data['remove_fraction']))} of the training images of "
            f"{join(thinned)} are removed at random; {train + validation:,} images are left."
        )
    if validation:
        whole = "Of these," if sentences else f"Of {train + validation:,} images"
        sentences.append(
            f"{whole} {write_share(data['val_size'])} are set aside for validation, with the "
            f"shares of the classes kept: {train:,} images to train on and {validation:,} to "
            "choose by."
        )
    else:
        whole = f"All {train:,} of them" if sentences else f"All {train:,} training images"
        # Of somebody's own recipe nobody here knows how it was chosen.
        chosen = (
            ": every choice was made before, on runs that set images aside for validation; the "
            "test figures of earlier recipes were known then (see Limits)"
            if is_of_preset(run)
            else ", none validates"
        )
        sentences.append(f"{whole} are trained on{chosen}.")
    # Only runs on pictures of somebody's own have copies, and few of these.
    copies = run.evaluation.get("test_copies", 0)
    blind = "" if copies else "; pretraining does not see them"
    if thinned:
        if not copies:
            blind = "; pretraining sees neither them nor the images that were removed"
        sentences.append(
            f"The {test:,} test images are not thinned. They are read once, at the end{blind}."
        )
    else:
        sentences.append(f"The {test:,} test images are read once, at the end{blind}.")
    if copies:
        told = "One test image is" if copies == 1 else f"{copies:,} test images are"
        sentences.append(
            f"{told} also among the training images, pixel for pixel, which makes the scores look "
            "better than they are."
        )
    if "unlabelled" in split:
        sentences.append(
            f"{split['unlabelled']['images']:,} images without a label are there for pretraining "
            "alone."
        )
    # Only runs on pictures of somebody's own that were told to go on without such have it.
    if left_out := run.evaluation.get("left_out"):
        files = capitalise(count_noun(len(left_out), "file"))
        verb = "was" if len(left_out) == 1 else "were"
        sentences.append(f"{files} that could not be used as pictures {verb} left out.")
    if data["labels_per_class"] is not None:
        sentences.append(
            f"The classifier may use {count_noun(data['labels_per_class'], 'label')} of each class."
        )
    return " ".join(sentences)


def tell_pretraining(run: Run) -> str:
    """Say what the autoencoder is trained for, and how."""
    config = run.config["autoencoder"]
    return f"It learns to {name_task(config)}. {_tell_training(config)}"


def tell_finetuning(run: Run) -> str:
    """Say which layers the classifier trains, and how."""
    config = run.config["classifier"]
    encoder = (
        "The encoder stays as it is; only the head is trained"
        if config["freeze_encoder"]
        else "Encoder and head are trained together"
    )
    images = "augmented images" if config["data_augmentation"] else "the images as they are"
    return f"{encoder}, on {images}, by cross entropy. {_tell_training(config)}"


def _tell_training(config: Mapping[str, Any]) -> str:
    optimizer = _OPTIMIZERS.get(config["optimizer"], config["optimizer"].capitalize())
    schedule = spell_out(config["lr_schedule"])
    epochs = count_noun(config["epochs"], "epoch")
    return (
        f"Training takes {epochs} of {optimizer} at a learning rate of {config['lr']:g} "
        f"({schedule}), in batches of {config['batch_size']}."
    )


def tell_accuracy(accuracy: Accuracy) -> str:
    """Return an accuracy with its interval, and of what it is: "73.0% (72.1% to 73.9%)"."""
    interval = f"95% interval {write_range(accuracy.low, accuracy.high)}"
    if accuracy.seeds > 1:
        interval += f" over {count_noun(accuracy.seeds, 'seed')}"
    return f"{write_percent(accuracy.mean)} ({interval})"


def tell_against(accuracy: Accuracy, figure: float) -> str:
    """Return on which side of others' `figure` the widest interval lies: "above" and so on."""
    if accuracy.lowest > figure:
        return "above"
    return "below" if accuracy.highest < figure else "indistinguishable from"


def tell_headline(group: Group, origin: Mapping[str, Any]) -> str:
    """Say how well the classifier names the test images, and beside the origin."""
    run = group.first
    data, count = name_data(run.evaluation["data"]), run.scores["count"]
    figure = origin["figure"]["test_accuracy"]
    words = (
        f"The classifier labels {tell_accuracy(group.accuracy)} of the {count:,} test images of "
        f"{data} correctly"
    )
    if run.evaluation["data"] == "cifar10":
        side = tell_against(group.accuracy, figure)
        words += f", which is {side} the {write_percent(figure, 0)} of the system it follows"
    return f"{words}. {_tell_thinned(group)}".strip()


def tell_conclusion(group: Group) -> str:
    """Say in a sentence how far the recipe was brought."""
    data = name_data(group.first.evaluation["data"])
    return f"On {data} the recipe reaches {tell_accuracy(group.accuracy)}."


def _tell_thinned(group: Group) -> str:
    thinned = group.first.evaluation["thinned_classes"]
    recalls = {name: group.recall(name) for name in thinned}
    known = {name: recall for name, recall in recalls.items() if recall is not None}
    if not known:
        return ""
    shares = [f"{name} in {write_percent(recall)}" for name, recall in known.items()]
    shares[0] += " of cases"
    classes = "class" if len(known) == 1 else "classes"
    return f"Of the thinned {classes}, it finds {join(shares)}."


def tell_reconstruction(group: Group) -> str:
    """Say how close the autoencoder's images come, or what it predicts of what it does not see."""
    sentences: list[str] = []
    quality = group.first.quality
    error = group.mean(lambda run: run.quality.get("target_mse"))
    if error is not None:
        if "hidden_fraction" in quality:
            where = f"With {100 * quality['hidden_fraction']:.3g}% of each test image hidden"
        else:
            where = (
                f"In {100 * quality['predicted_fraction']:.3g}% of each test image, all in sight"
            )
        sentences.append(
            f"{where}, the autoencoder predicts the {TARGETS[quality['target']]} there with a mean "
            f"squared error of {error:.3f}."
        )
    psnr = group.mean(lambda run: run.quality.get("psnr"))
    if psnr is None:
        return " ".join(sentences)
    ssim = group.mean(lambda run: run.quality.get("ssim"))
    similarity = "" if ssim is None else f" and a structural similarity of {ssim:.3f}"
    sentences.append(
        f"The autoencoder reconstructs the test images with a peak signal-to-noise ratio of "
        f"{psnr:.1f} dB{similarity}."
    )
    return " ".join(sentences)


def tell_cost(group: Group) -> str:
    """Say how long a run took, and on what."""
    places = group.by_place
    took = [f"{each.minutes:.1f} minutes{_tell_average(each)}" for each in places]
    if len(places) == 1:
        if len(group.runs) == 1:
            return f"The whole run took {took[0]}."
        return f"Each of the {write_count(len(group.runs))} runs took {took[0]}."
    counted = [
        f"{words} ({count_noun(len(each.runs), 'run')})"
        for words, each in zip(took, places, strict=True)
    ]
    return f"A whole run took {join(counted)}."


def _tell_average(group: Group) -> str:
    return f"{' on average' if len(group.runs) > 1 else ''} on {name_machine(group.first)}"


def name_machine(run: Run) -> str:
    """Return what a run was made on: "two cores of an AMD EPYC, in bfloat16"."""
    environment = run.environment
    if environment.get("accelerator"):
        return f"one {environment['accelerator']}, in {environment['precision']}"
    processor = environment["processor"]
    article = "an" if processor[:1].lower() in "aeiou" else "a"
    cores = count_noun(environment["threads"], "core")
    return f"{cores} of {article} {processor}, in {environment['precision']}"


def tell_classes(group: Group) -> str:
    """Say which class is found least, which two are mixed up most, and what thinning did.

    Of several seeds it is the first one, which the figure shows.
    """
    run = group.first
    names = list(run.scores["per_class"])
    recalls = {name: run.scores["per_class"][name]["recall"] for name in names}
    known = {name: recall for name, recall in recalls.items() if recall is not None}
    if len(known) < 2:
        return ""
    worst, best = min(known, key=lambda n: known[n]), max(known, key=lambda n: known[n])
    sentences = [
        f"{_tell_which(group)} class found least often is {worst} "
        f"({write_percent(known[worst])}), the one found most often {best} "
        f"({write_percent(known[best])})."
        if known[worst] < known[best]
        else f"Every class is found in {write_percent(known[best])} of cases."
    ]
    mistakes = np.array(run.scores["confusion_matrix"])
    support = mistakes.sum(axis=1)
    np.fill_diagonal(mistakes, 0)
    if mistakes.any():
        true, taken = (int(place) for place in divmod(int(mistakes.argmax()), len(names)))
        sentences.append(
            f"The commonest mistake is {names[true]} taken for {names[taken]}: "
            f"{mistakes[true, taken]:,} of {support[true]:,} images."
        )
    thinned = [known[name] for name in run.evaluation["thinned_classes"] if name in known]
    whole = [known[n] for n in known if n not in run.evaluation["thinned_classes"]]
    if thinned and whole:
        sentences.append(
            f"The thinned classes are found in {write_percent(fmean(thinned))} of cases on "
            f"average, the others in {write_percent(fmean(whole))}."
        )
    return " ".join(sentences)


def name_seed(group: Group) -> str:
    """Return the seed of what is shown of one run of several: "seed 42"; "" if there is but one."""
    return f"seed {group.first.seed}" if len(group.runs) > 1 else ""


def _tell_which(group: Group) -> str:
    seed = name_seed(group)
    return f"With {seed}, the" if seed else "The"


def tell_training(training: Training) -> str:
    """Say in which epoch each stage was best on the validation images, and which weights count.

    Of a stage too short for a figure it is said where its loss began and ended.
    """
    sentences: list[str] = []
    for stage, history in training.histories.items():
        losses = history["metrics"].get("val_loss")
        if not losses:
            continue
        best, last = int(np.argmin(losses)), len(losses) - 1
        about = training.models[stage]["about"]
        used = about.get("weights", "last")
        if best == last:
            words = "was lowest in the last epoch"
        else:
            words = (
                f"was lowest in epoch {best + 1} of {last + 1} ({losses[best]:.3g}, at the end "
                f"{losses[last]:.3g}); the weights used are those of the {used} epoch"
            )
        sentences.append(f"The {stage}'s validation loss {words}.")
    if not sentences:
        sentences.append(
            "No images were set aside for validation, so these losses are of training images."
        )
    for stage, history in training.histories.items():
        if stage in training.drawn:
            continue
        losses = history["metrics"]["loss"]
        course = f"{losses[0]:.3g} in the only epoch"
        if len(losses) > 1:
            course = (
                f"{losses[0]:.3g} in the first and {losses[-1]:.3g} in the last of "
                f"{count_noun(len(losses), 'epoch')}"
            )
        sentences.append(f"The {stage}'s loss was {course}.")
    return " ".join(sentences)
