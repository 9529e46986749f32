"""The commands that train: what they write, what they keep, and what they refuse to replace."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cae
from cae.files import read_sealed_json, write_sealed_json
from tests.unit.data.numbered_pictures import damage, fill

ON_CPU = ("--device", "cpu", "--precision", "float32")
FINETUNE = ("finetune", "--data", "digits", *ON_CPU, "--set", "epochs=1")

MODELS = ("autoencoder", "encoder", "classifier")


def test_a_run_writes_the_whole_layout_and_shows_its_results(train_tiny, snapshot, run_once: Path):
    answer = train_tiny("run", "--out", "new")

    assert answer.code == 0
    assert snapshot(Path("new")).keys() == snapshot(run_once).keys()
    evaluation = read_sealed_json(Path("new/evaluation.json"))
    accuracy = f"{evaluation['test']['classifier']['accuracy']:.1%}"
    assert "Results on the digits test set, 359 images" in answer.out
    assert accuracy in answer.out
    assert "Everything lies in new" in answer.out
    assert "cae predict PICTURE --model new/models/classifier_digits.json" in answer.out
    assert "autoencoder  1 epoch of 954 images" in answer.err


def test_a_run_in_json_is_one_object_on_stdout(train_tiny, finished_run: Path):
    answer = train_tiny("run", "--json")
    found = json.loads(answer.out)
    paths = found.pop("paths")
    assert found == read_sealed_json(finished_run / "evaluation.json")
    assert paths["out"] == "runs/digits-digits"
    listed = [*paths["models"], *paths["history"], *paths["plots"], paths["evaluation"]]
    assert len(listed) == 3 + 2 + 7 + 1
    assert all(Path(path).is_file() for path in listed)


def test_a_key_of_the_data_without_effect_is_told_by_every_command_that_trains(train_tiny):
    for command in (("run",), ("pretrain",), ("finetune", "--from-scratch")):
        answer = train_tiny(*command, "--out", command[0], "--set", "labelled_seed=1")
        assert answer.code == 0
        told = "warning: data: labelled_seed has no effect while labels_per_class is null"
        assert answer.err.count(told) == 1


def test_plots_that_are_missing_or_damaged_are_drawn_again(
    train_tiny, snapshot, finished_run: Path
):
    before = snapshot(finished_run / "plots")
    drawn = finished_run / "plots" / "confusion_matrix_digits.png"
    drawn.write_bytes(drawn.read_bytes()[:-100])
    (finished_run / "plots" / "reconstructions_digits.png").unlink()
    answer = train_tiny("run")
    assert answer.code == 0
    assert answer.err.count("is complete already") == 2
    assert snapshot(finished_run / "plots") == before


def test_the_stages_one_by_one_give_the_models_of_the_run(call_cae, train_tiny, run_once: Path):
    first = train_tiny("pretrain", "--out", "runs/mine")
    assert first.code == 0
    following = first.out.split("Next, for example:\n")[1].split()
    assert following[:2] == ["cae", "finetune"]

    second = call_cae(*following[1:], *ON_CPU, "--set", "epochs=1")

    assert second.code == 0
    for model in MODELS:
        weights = f"models/{model}_digits.safetensors"
        assert Path("runs/mine", weights).read_bytes() == (run_once / weights).read_bytes()
    plots = {path.name for path in Path("runs/mine/plots").iterdir()}
    assert plots == {
        "autoencoder_digits_loss.png",
        "classifier_digits_loss.png",
        "classifier_digits_accuracy.png",
    }
    assert not Path("runs/mine/evaluation.json").exists()
    following = second.out.split("Next, for example:\n")[1].split()
    model = "runs/mine/models/classifier_digits.json"
    assert following == ["cae", "evaluate", model, "--data", "digits"]


def test_the_next_command_repeats_what_the_next_stage_needs(call_cae, train_tiny):
    given = ("--seed", "7", "--name", "foo", "--set", "remove_fraction=0.25", "--out", "mine")
    first = train_tiny("pretrain", *given)
    following = first.out.split("Next, for example:\n")[1].split()
    assert following[-6:] == ["--seed", "7", "--name", "foo", "--set", "remove_fraction=0.25"]
    second = call_cae(*following[1:], *ON_CPU, "--set", "epochs=1")
    assert second.code == 0
    assert "warning" not in second.err
    assert Path("mine/models/classifier_foo.json").exists()


@pytest.mark.parametrize(
    ("settings", "repeated"),
    [
        (("image_shape=[16,16,3]", "low_resolution_epochs=0"), "low_resolution_epochs=0"),
        (
            ("image_shape=[24,24,3]", "low_resolution_side=20", "mask_patch_size=4"),
            "low_resolution_side=20",
        ),
        (("image_shape=[48,48,3]", "low_resolution_side=40"), "low_resolution_side=40"),
    ],
)
def test_the_next_command_takes_images_of_the_size_that_was_given(
    call_cae, tmp_path: Path, settings: tuple[str, ...], repeated: str
):
    test = cae.load_dataset("digits").test.select(np.arange(24))
    for place, image in enumerate(test.images):
        folder = tmp_path / "pics" / "ab"[place % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
        Image.fromarray(pixels).save(folder / f"{place}.png")
    short = ("--preset", "quick", *ON_CPU)
    words = [word for each in (*settings, "epochs=1", "lr=0.002") for word in ("--set", each)]
    first = call_cae("pretrain", "--data", "pics", "--out", "mine", *short, *words)
    assert first.code == 0, first.err
    following = shlex.split(first.out.split("Next, for example:\n")[1])
    assert following[following.index("quick") + 1 :] == ["--set", repeated]
    second = call_cae(*following[1:], *ON_CPU, "--set", "epochs=1")
    assert second.code == 0, second.err


@pytest.mark.parametrize("kind", ["encoder", "autoencoder"])
def test_a_classifier_stands_on_either_file_of_a_pretraining(
    call_cae, finished_run: Path, kind: str
):
    model = finished_run / "models" / f"{kind}_digits.json"
    # Frozen, the encoder in the classifier is still the one it was given.
    answer = call_cae(*FINETUNE, "--encoder", model, "--out", "new", "--set", "freeze_encoder=true")
    assert answer.code == 0
    given = cae.read_weights(finished_run / "models" / "encoder_digits.safetensors")
    kept = cae.read_weights(Path("new/models/classifier_digits.safetensors"))
    assert all((kept[f"encoder.{name}"] == value).all() for name, value in given.items())
    about = read_sealed_json(Path("new/models/classifier_digits.json"))["about"]
    assert about["encoder_sha256"] == cae.read_model(model).weights_sha256


def test_from_scratch_the_encoder_is_trained_even_where_the_preset_freezes_it(train_tiny):
    answer = train_tiny("finetune", "--from-scratch", "--preset", "base")
    assert answer.code == 0
    saved = cae.read_model(Path("runs/digits-base-scratch/models/classifier_base.json"))
    assert saved.classifier_config is not None
    assert saved.classifier_config.freeze_encoder is False
    assert saved.about["encoder_sha256"] is None


def test_from_scratch_keys_that_only_an_autoencoder_s_training_heeds_are_told(train_tiny):
    settings = ("autoencoder.lr=0.01", "mask_input=false", "lr=0.002", "autoencoder.dropout=false")
    given = [word for setting in settings for word in ("--set", setting)]
    answer = train_tiny("finetune", "--from-scratch", *given)
    assert answer.code == 0
    told = r"warning: autoencoder: (\w+) has no effect while no autoencoder is trained\n"
    assert re.findall(told, answer.err) == ["lr", "mask_input"]


def test_a_model_is_replaced_only_when_asked(train_tiny, snapshot, finished_run: Path):
    before = snapshot(finished_run)
    refused = train_tiny("pretrain", "--out", finished_run, "--set", "autoencoder.lr=0.5")
    assert refused.code == 2
    assert "autoencoder_digits.json: there is already another model: autoencoder.lr" in refused.err
    assert snapshot(finished_run) == before

    complete = train_tiny("pretrain", "--out", finished_run)
    assert complete.code == 0
    assert "autoencoder  is complete already" in complete.err
    assert snapshot(finished_run) == before

    replaced = train_tiny("pretrain", "--out", finished_run, "--fresh", "--seed", "5")
    assert replaced.code == 0
    weights = "models/autoencoder_digits.safetensors"
    assert snapshot(finished_run)[weights] != before[weights]
    # The figures told of the model that is gone.
    assert not (finished_run / "evaluation.json").exists()


def test_a_classifier_is_replaced_only_when_asked(call_cae, snapshot, finished_run: Path):
    before = snapshot(finished_run)
    encoder = finished_run / "models" / "encoder_digits.json"
    given = (*FINETUNE, "--encoder", encoder, "--out", finished_run)
    refused = call_cae(*given, "--set", "classifier.lr=0.5")
    assert refused.code == 2
    assert "classifier_digits.json: there is already another model: classifier.lr" in refused.err
    assert snapshot(finished_run) == before

    complete = call_cae(*given)
    assert complete.code == 0
    assert "classifier   is complete already" in complete.err
    assert snapshot(finished_run) == before


@pytest.mark.parametrize("options", [(), ("--encoder", "x.json", "--from-scratch")])
def test_finetune_wants_an_encoder_or_none(call_cae, options: tuple[str, ...]):
    answer = call_cae(*FINETUNE, *options)
    assert answer.code == 2
    assert answer.err == "error: give either --encoder FILE or --from-scratch\n"


def test_a_classifier_is_no_encoder(call_cae, finished_run: Path):
    model = finished_run / "models" / "classifier_digits.json"
    answer = call_cae(*FINETUNE, "--encoder", model)
    assert answer.code == 4
    assert "is a classifier" in answer.err


def test_settings_of_the_autoencoder_have_no_place_beside_a_given_encoder(
    call_cae, finished_run: Path
):
    model = finished_run / "models" / "encoder_digits.json"
    answer = call_cae(*FINETUNE, "--encoder", model, "--set", "conv_blocks=3")
    assert answer.code == 2
    assert "--set 'conv_blocks=3': has no effect" in answer.err


@pytest.mark.parametrize(
    ("options", "change", "words"),
    [
        (("--seed", "9"), None, "another split of digits"),
        ((), {"data": "cifar10"}, "was pretrained on cifar10, not on digits"),
    ],
)
def test_an_encoder_of_other_images_is_pointed_out(
    call_cae,
    finished_run: Path,
    options: tuple[str, ...],
    change: dict[str, str] | None,
    words: str,
):
    path = finished_run / "models" / "encoder_digits.json"
    if change:
        content = read_sealed_json(path)
        content["about"] |= change
        write_sealed_json(path, content)
    answer = call_cae(*FINETUNE, "--encoder", path, "--out", "new", *options)
    assert answer.code == 0
    assert "warning: " in answer.err
    assert words in answer.err


def test_an_encoder_may_stand_below_any_number_of_labels(call_cae, finished_run: Path):
    encoder = finished_run / "models" / "encoder_digits.json"
    few = ("--set", "labels_per_class=5")
    answer = call_cae(*FINETUNE, "--encoder", encoder, "--out", "new", *few)
    assert answer.code == 0
    assert "another split" not in answer.err


def test_the_control_cannot_be_asked_to_freeze_its_random_encoder(train_tiny):
    answer = train_tiny("finetune", "--from-scratch", "--set", "freeze_encoder=true")
    assert answer.code == 2
    assert "classifier.freeze_encoder=false" in answer.err
    assert not Path("runs").exists()


@pytest.mark.parametrize("command", ["run", "pretrain"])
@pytest.mark.parametrize("place", ["mine", "mine/models", "mine/plots"])
def test_a_folder_that_cannot_be_made_is_told_before_training(train_tiny, command, place):
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).write_text("in the way", encoding="utf-8")
    answer = train_tiny(command, "--out", "mine")
    assert answer.code == 2
    assert f"{place}: cannot be written: " in answer.err
    assert "epoch" not in answer.err
    assert Path(place).read_text(encoding="utf-8") == "in the way"


@pytest.mark.usefixtures("ready_pictures")
def test_damaged_pictures_can_be_left_out_of_a_run_that_then_says_so(train_tiny, tmp_path: Path):
    damaged = fill(tmp_path / "pets", {"a": 12, "b": 12}) / "b" / "005.png"
    whole = damaged.read_bytes()
    damage(damaged)
    options = ("--preset", "digits", "--set", "image_shape=[16,16,3]", "--out", "mine")
    refused = train_tiny("run", *options, data="pets")
    assert refused.code == 3
    assert "1 of 24 pictures cannot be used: pets/b/005.png" in refused.err
    assert "--skip-damaged" in refused.err
    assert not Path("mine").exists()

    answer = train_tiny("run", *options, "--skip-damaged", data="pets")
    assert answer.code == 0, answer.err
    told = "warning: leaving out pictures: 1 of 24 pictures cannot be used: pets/b/005.png"
    assert answer.err.count(told) == 1
    assert "a 12, b 11" in answer.err
    evaluation = Path("mine/evaluation.json")
    assert read_sealed_json(evaluation)["left_out"] == ["b/005.png"]
    for model in MODELS:
        about = read_sealed_json(Path(f"mine/models/{model}_digits.json"))["about"]
        assert about["left_out"] == ["b/005.png"]

    # It is the same run once the file is taken away, and another one once it is whole.
    assert "complete" in train_tiny("run", *options, "--skip-damaged", data="pets").err
    damaged.unlink()
    evaluation.unlink()
    answer = train_tiny("run", *options, data="pets")
    assert answer.code == 0, answer.err
    assert answer.err.count("is complete already") == 2
    assert "left_out" not in read_sealed_json(evaluation)
    damaged.write_bytes(whole)
    answer = train_tiny("run", *options, "--skip-damaged", data="pets")
    assert answer.code == 2
    assert "mine: holds another run: data is 'pets-" in answer.err


def test_the_next_command_leaves_out_damaged_pictures_too(call_cae, train_tiny, tmp_path: Path):
    damage(fill(tmp_path / "pets", {"a": 12, "b": 12}) / "b" / "005.png")
    options = ("--preset", "digits", "--set", "image_shape=[16,16,3]", "--out", "mine")
    answer = train_tiny("pretrain", *options, "--skip-damaged", data="pets")
    for command in ("finetune", "evaluate"):
        following = shlex.split(answer.out.split("Next, for example:\n")[1])
        assert following[:2] == ["cae", command]
        assert following.count("--skip-damaged") == 1
        more = ["--set", "epochs=1"] if command == "finetune" else ["--json"]
        answer = call_cae(*following[1:], *ON_CPU, *more)
        assert answer.code == 0, answer.err
    assert json.loads(answer.out)["left_out"] == ["b/005.png"]


@pytest.mark.usefixtures("ready_pictures")
def test_every_command_that_splits_tells_once_of_measured_pictures_that_are_trained_on(
    call_cae, train_tiny, tmp_path: Path
):
    root = fill(tmp_path / "pets", {"a": 12, "b": 12})
    for path in (root / "a").glob("*.png"):
        path.with_name(f"again {path.name}").write_bytes(path.read_bytes())
    size = ("--set", "image_shape=[16,16,3]")
    training = ("--preset", "digits", *size, "--out")
    study = ("--labels", "4", "--arm", "scratch", "--seeds", "2", "--pretrain-epochs", "1")
    answers = {
        "run": train_tiny("run", *training, "r", data="pets"),
        "run that is complete": train_tiny("run", *training, "r", data="pets"),
        "pretrain": train_tiny("pretrain", *training, "p", data="pets"),
        "finetune": train_tiny("finetune", "--from-scratch", *training, "f", data="pets"),
        "study": train_tiny(
            "study", *study, "--finetune-epochs", "1", *size, "--out", "s", data="pets"
        ),
        "data": call_cae("data", "--data", "pets"),
    }
    for answer in answers.values():
        assert answer.code == 0, answer.err
        for role in ("validation", "test"):
            assert len(re.findall(rf" {role} images (is|are) also among the", answer.err)) == 1
        example = r"'a/(again )?0\d\d\.png' and 'a/(again )?0\d\d\.png' are the same picture"
        assert re.search(example, answer.err)


@pytest.mark.usefixtures("ready_pictures")
def test_a_model_of_own_pictures_is_measured_without_its_training_pictures(
    call_cae, train_tiny, tmp_path: Path
):
    counts = {f"{part}/{name}": 8 for part in ("train", "test") for name in "ab"}
    root = fill(tmp_path / "pets", {**counts, "unlabelled": 4})
    options = ("--preset", "digits", "--set", "image_shape=[16,16,3]", "--out", "mine")
    trained = train_tiny("run", *options, data="pets")
    assert trained.code == 0, trained.err
    evaluation = read_sealed_json(Path("mine/evaluation.json"))
    model = Path("mine/models/classifier_digits.json")
    words = ("evaluate", model, "--data", "pets", *ON_CPU, "--json")
    whole = {path: path.read_bytes() for path in root.rglob("*.png")}
    for path in whole:
        if "test" not in path.parts:
            damage(path)
    answer = call_cae(*words)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["accuracy"] == evaluation["test"]["classifier"]["accuracy"]
    assert found["data"] == evaluation["data"]
    assert "16 of the 32 labelled pictures are for testing" in answer.err
    assert "warning" not in answer.err

    # A model of before this was written down goes on, and is measured after all has been read.
    for name in MODELS:
        path = Path(f"mine/models/{name}_digits.json")
        content = read_sealed_json(path)
        assert set(content["about"].pop("pictures_sha256")) == {"train", "test"}
        write_sealed_json(path, content)
    assert call_cae(*words).code == 3
    for path, content in whole.items():
        path.write_bytes(content)
    assert json.loads(call_cae(*words).out) == found
    Path("mine/evaluation.json").unlink()
    again = train_tiny("run", *options, data="pets")
    assert again.code == 0, again.err
    assert again.err.count("is complete already") == 2


@pytest.mark.usefixtures("ready_pictures")
def test_test_pictures_that_are_trained_on_are_counted_in_what_is_written(
    call_cae, train_tiny, tmp_path: Path
):
    pets = fill(tmp_path / "pets", {"a": 12, "b": 12})
    shutil.copytree(pets / "a", pets / "unlabelled")
    options = ("--preset", "digits", "--set", "image_shape=[16,16,3]", "--out", "mine")
    answer = train_tiny("run", *options, data="pets")
    assert answer.code == 0, answer.err
    told = "3 of the 5 test images are also among the training images"
    assert answer.err.count(told) == 1
    assert read_sealed_json(Path("mine/evaluation.json"))["test_copies"] == 3
    model = Path("mine/models/classifier_digits.json")
    assert read_sealed_json(model)["about"]["test_copies"] == 3
    answer = call_cae("evaluate", str(model), "--data", "pets", "--json", *ON_CPU)
    assert answer.err.count(told) == 1
    assert json.loads(answer.out)["test_copies"] == 3
