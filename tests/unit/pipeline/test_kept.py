"""A stage in a run folder is trained once, goes on where it stopped, and replaces nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cae.checkpoints.weights import read_model
from cae.config import AutoencoderConfig, ClassifierConfig, DataConfig
from cae.data.images import ImageSet, Splits
from cae.data.splits import make_splits
from cae.errors import CaeError, ConfigError, OccupiedError, StoppedError
from cae.files import read_sealed_json, write_sealed_json
from cae.pipeline.kept import Keeping, finetune_into, pretrain_into
from cae.run_folder import RunFolder
from cae.training.progress import SilentProgress

SHAPE = (8, 8, 3)
AUTOENCODER = AutoencoderConfig(image_shape=SHAPE, init_num_filters=2, batch_size=8, epochs=2)
CLASSIFIER = ClassifierConfig(image_shape=SHAPE, batch_size=8, epochs=2)


class Diary(SilentProgress):
    """Progress that writes down which stage starts where, and which is skipped."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def stage_started(self, stage, *, epochs, images_per_epoch, images_done) -> None:
        self.events.append((stage, images_done))

    def stage_skipped(self, stage) -> None:
        self.events.append((stage, "skipped"))


class Bench:
    """Trains stages in one folder and notes what happened."""

    def __init__(self, dataset, runtime, folder: Path) -> None:
        self.splits = make_splits(dataset, DataConfig())
        self.folder = RunFolder(folder, "t")
        self.diary = Diary()
        self.keywords: dict[str, Any] = {"runtime": runtime, "progress": self.diary}

    def pretrain(self, **keys):
        config = AUTOENCODER.model_copy(update=keys.pop("change", {}))
        return pretrain_into(self.folder, self.splits, config, **self.keywords, **keys)

    def finetune(self, **keys):
        config = CLASSIFIER.model_copy(update=keys.pop("change", {}))
        given: dict[str, Any] = {
            "encoder_weights": None,
            "encoder_sha256": None,
            **self.keywords,
            **keys,
        }
        return finetune_into(self.folder, self.splits, AUTOENCODER, config, **given)

    def read(self) -> dict[str, bytes]:
        files = (path for path in self.folder.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder.root)): path.read_bytes() for path in files}


@pytest.fixture
def bench(dataset, float32, tmp_path) -> Bench:
    return Bench(dataset, float32, tmp_path / "run")


STAGES = ["pretrain", "finetune"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_trained_once(bench: Bench, stage: str):
    first = getattr(bench, stage)()
    before = bench.read()
    second = getattr(bench, stage)()
    name = "autoencoder" if stage == "pretrain" else "classifier"
    assert bench.diary.events == [(name, 0), (name, "skipped")]
    assert bench.read() == before
    assert second.fit.history.metrics == first.fit.history.metrics


def test_pretraining_sees_the_images_without_labels_and_is_known_by_them(
    dataset, make_images, float32, tmp_path
):
    found = make_images(16, classes=4, seed=3)
    rest = ImageSet(found.images, None, found.class_names, found.name)
    bench = Bench(replace(dataset, unlabelled=rest), float32, tmp_path)
    trained = bench.pretrain()
    about = read_model(bench.folder.model(bench.folder.autoencoder).json).about
    assert about["split"]["unlabelled"]["images"] == 16
    without = Bench(dataset, float32, tmp_path / "without")
    weights = trained.model.state_dict()
    assert any(
        (weights[name] != value).any()
        for name, value in without.pretrain().model.state_dict().items()
    )
    other = rest.select(np.arange(len(rest))[::-1])
    again = Bench(replace(dataset, unlabelled=other), float32, tmp_path)
    with pytest.raises(ConfigError, match="images_sha256"):
        again.pretrain()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_was_stopped_goes_on(bench: Bench, stage: str):
    asked = iter([False] * 3 + [True])
    with pytest.raises(StoppedError, match="stopped in epoch 1 of 2, and saved; the same command"):
        getattr(bench, stage)(keeping=Keeping(stop_requested=lambda: next(asked)))
    assert bench.folder.find_states(f"{'autoencoder' if stage == 'pretrain' else 'classifier'}_t")
    getattr(bench, stage)()
    # Four batches of eight were done.
    assert [done for _, done in bench.diary.events] == [0, 32]
    assert not (bench.folder.root / "checkpoints").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_another_configuration_is_refused_finished_or_not(bench: Bench, stage: str):
    asked = iter([True])
    with pytest.raises(StoppedError):
        getattr(bench, stage)(keeping=Keeping(stop_requested=lambda: next(asked)))
    before = bench.read()
    with pytest.raises(ConfigError, match=r"lr is 0\.001 there and 0\.5 now"):
        getattr(bench, stage)(change={"lr": 0.5})
    assert bench.read() == before
    getattr(bench, stage)()
    before = bench.read()
    with pytest.raises(ConfigError, match=r"lr is 0\.001 there and 0\.5 now"):
        getattr(bench, stage)(change={"lr": 0.5})
    assert bench.read() == before


def test_the_same_places_of_other_images_are_another_training(bench: Bench):
    bench.pretrain()
    train = bench.splits.train
    other = ImageSet(255 - train.images, train.labels, train.class_names, train.name)
    bench.splits = replace(bench.splits, train=other)
    with pytest.raises(ConfigError, match="images_sha256 is"):
        bench.pretrain()


def test_a_classifier_of_other_labels_is_another_one(bench: Bench, dataset):
    few = DataConfig(labels_per_class=3, labelled_seed=1)
    bench.splits = make_splits(dataset, few)
    bench.finetune()
    bench.finetune()
    assert bench.diary.events == [("classifier", 0), ("classifier", "skipped")]
    bench.splits = make_splits(dataset, few.model_copy(update={"labelled_seed": 2}))
    with pytest.raises(ConfigError, match="labelled_sha256"):
        bench.finetune()


@pytest.mark.parametrize("first", [None, 3])
def test_an_autoencoder_is_the_same_however_many_labels_are_used(bench: Bench, dataset, first):
    for labels in (first, 2):
        bench.splits = make_splits(dataset, DataConfig(labels_per_class=labels))
        bench.pretrain()
    assert bench.diary.events == [("autoencoder", 0), ("autoencoder", "skipped")]


@pytest.mark.parametrize("stage", STAGES)
def test_fresh_starts_over_and_replaces(bench: Bench, stage: str):
    asked = iter([False] * 3 + [True])
    with pytest.raises(StoppedError):
        getattr(bench, stage)(keeping=Keeping(stop_requested=lambda: next(asked)))
    getattr(bench, stage)(fresh=True, change={"lr": 0.5})
    getattr(bench, stage)(fresh=True)
    assert [done for _, done in bench.diary.events] == [0, 0, 0]


def drop_labels(splits: Splits) -> Splits:
    images = splits.train
    bare = ImageSet(images.images, None, images.class_names, images.name)
    return replace(splits, train=bare, labelled=bare)


@pytest.mark.parametrize(
    ("stage", "change", "keys", "alter", "message"),
    [
        ("pretrain", {"image_shape": (16, 16, 3)}, {}, None, "image_shape"),
        ("pretrain", {"callbacks": True}, {}, lambda of: replace(of, val=None), "there are none"),
        ("finetune", {"image_shape": (16, 16, 3)}, {}, None, "image_shape"),
        ("finetune", {"callbacks": True}, {}, lambda of: replace(of, val=None), "there are none"),
        ("finetune", {}, {"encoder_weights": {}}, None, "encoder weights: .* is missing"),
        ("finetune", {}, {}, drop_labels, "needs labels"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_fresh_drops_anything(
    bench: Bench, stage, change, keys, alter, message
):
    getattr(bench, stage)()
    before = bench.read()
    if alter is not None:
        bench.splits = alter(bench.splits)
    with pytest.raises(CaeError, match=message):
        getattr(bench, stage)(fresh=True, change=change, **keys)
    assert bench.read() == before


def test_a_new_model_drops_the_figures_of_the_old_one_and_of_no_other(bench: Bench):
    bench.folder.make()
    write_sealed_json(bench.folder.evaluation, {"name": "other", "test": {}})
    bench.pretrain()
    assert bench.folder.evaluation.exists()
    write_sealed_json(bench.folder.evaluation, {"name": "t", "test": {}})
    bench.pretrain()  # It is complete: its figures stay.
    assert bench.folder.evaluation.exists()
    bench.pretrain(fresh=True)
    assert not bench.folder.evaluation.exists()


def test_conditions_that_changed_on_the_way_are_all_told(bench: Bench):
    bench.pretrain()
    environment = read_sealed_json(bench.folder.environment)
    assert "continued" not in environment
    write_sealed_json(bench.folder.environment, {**environment, "date": "2001-01-01"})
    bench.finetune()
    told = read_sealed_json(bench.folder.environment)
    assert told["date"] == "2001-01-01"
    assert told["continued"] == [environment]


def test_damaged_conditions_keep_no_training_from_going_on(bench: Bench, caplog):
    bench.pretrain()
    bench.folder.environment.write_text("{", encoding="utf-8")
    bench.finetune()
    assert "recording only the conditions of today" in caplog.text
    assert read_sealed_json(bench.folder.environment)["precision"] == "float32"


def test_while_somebody_works_in_the_folder_nobody_else_does(bench: Bench, tmp_path):
    import subprocess
    import sys

    program = f"""
from dataclasses import replace
from pathlib import Path
from cae.run_folder import RunFolder
with RunFolder(Path({str(bench.folder.root)!r}), "other").lock():
    print("locked", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(OccupiedError, match="another process is working in this folder"):
            bench.pretrain()
        other.kill()
    # It was killed; what it held is free.
    bench.pretrain()
    assert not (bench.folder.root / ".lock").exists()
