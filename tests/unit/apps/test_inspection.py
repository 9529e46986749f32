"""The commands that look: the data as it is split, a model's scores and its answers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cae
from cae.files import read_sealed_json, write_sealed_json
from tests.unit.data.numbered_pictures import fill

ON_CPU = ("--device", "cpu", "--precision", "float32")


def save_test_images(folder: Path, count: int) -> list[Path]:
    images = cae.load_dataset("digits").test.images[:count]
    paths = [folder / f"digit {place}.png" for place in range(count)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(path)
    return paths


def classifier_of(run: Path) -> Path:
    return run / "models" / "classifier_digits.json"


def test_data_counts_every_class_in_every_split(call_cae):
    answer = call_cae("data", "--data", "digits", "--json")
    found = json.loads(answer.out)
    splits = cae.make_splits(cae.load_dataset("digits"), cae.DataConfig())
    assert found["data"] == "digits"
    assert found["split"]["fingerprint"] == splits.fingerprint
    assert found["split"]["train"]["images"] == len(splits.train)
    assert sum(found["split"]["train"]["classes"].values()) == len(splits.train)
    assert found["fallback_reason"] is None

    table = call_cae("data", "--data", "digits").out
    assert splits.fingerprint in table
    assert f"{len(splits.train):,}" in table


def test_data_of_the_origin_is_split_as_the_origin_did(call_cae, cifar10_folder: Path):
    answer = call_cae("data", "--data", cifar10_folder, "--json")
    split = json.loads(answer.out)["split"]
    sizes = [split[part]["images"] for part in ("train", "validation", "test")]
    assert sizes == [33_150, 9_350, 10_000]
    assert split["train"]["classes"]["bird"] == 1950
    assert split["train"]["classes"]["cat"] == 3900


def test_data_is_split_as_the_settings_say(call_cae):
    whole = call_cae("data", "--data", "digits", "--set", "remove_fraction=0", "--json")
    also_whole = call_cae("data", "--data", "digits", "--set", "data.remove_fraction=0", "--json")
    assert json.loads(whole.out)["split"]["validation"]["images"] == round(1438 * 0.22)
    assert whole.out == also_whole.out
    first = json.loads(call_cae("data", "--data", "digits", "--json").out)
    other = json.loads(call_cae("data", "--data", "digits", "--seed", "1", "--json").out)
    assert first["split"]["fingerprint"] != other["split"]["fingerprint"]


def test_a_key_of_the_data_without_effect_is_told_by_the_command_that_looks_at_it(
    call_cae, tmp_path: Path
):
    fill(tmp_path / "pets", {"a": 9, "b": 9})

    def tell(data: str, *settings: str) -> str:
        answer = call_cae("data", "--data", data, *(w for s in settings for w in ("--set", s)))
        assert answer.code == 0
        return answer.err

    labels = "labelled_seed has no effect while labels_per_class is null"
    assert tell("digits", "labelled_seed=3") == f"warning: data: {labels}\n"
    thinning = "remove_fraction has no effect while no class is thinned"
    assert tell("pets", "remove_fraction=0.3") == f"warning: data: {thinning}\n"
    assert tell("pets", "remove_fraction=0") == ""
    assert tell("pets", "remove_fraction=0.3", 'remove_classes=["a"]') == ""
    assert tell("digits", "remove_fraction=0.3") == ""


def test_pictures_are_shown_at_the_size_that_is_set(call_cae, tmp_path: Path):
    for place, path in enumerate(save_test_images(tmp_path, 10)):
        kind = tmp_path / "pictures" / ("even", "odd")[place % 2]
        kind.mkdir(parents=True, exist_ok=True)
        path.rename(kind / path.name)
    words = ("data", "--data", "pictures", "--json")
    names = [
        json.loads(call_cae(*words, *more).out)["data"]
        for more in ((), ("--set", "image_shape=[16,16,1]"), ("--set", "image_shape=[30,30,3]"))
    ]
    assert len(set(names)) == 3
    assert all(name.startswith("pictures-") for name in names)
    assert call_cae(*words, "--set", "image_shape=[30,30]").code == 2
    assert call_cae(*words, "--set", "data.image_shape=[30,30,3]").code == 2


def test_a_setting_of_training_has_no_place_in_data(call_cae):
    answer = call_cae("data", "--data", "digits", "--set", "epochs=3")
    assert answer.code == 2
    assert "unknown key 'epochs'" in answer.err


def test_a_saved_classifier_scores_what_it_scored_in_its_run(call_cae, finished_run: Path):
    answer = call_cae("evaluate", classifier_of(finished_run), *ON_CPU, "--json")
    found = json.loads(answer.out)
    scores = read_sealed_json(finished_run / "evaluation.json")["test"]["classifier"]
    assert {name: found[name] for name in scores} == scores
    assert (found["kind"], found["data"]) == ("classifier", "digits")
    assert found["model"] == str(classifier_of(finished_run))

    table = call_cae("evaluate", classifier_of(finished_run), *ON_CPU).out
    assert f"accuracy {scores['accuracy']:.1%}" in table


def test_a_saved_autoencoder_scores_what_it_scored_in_its_run(call_cae, finished_run: Path):
    path = finished_run / "models" / "autoencoder_digits.json"
    found = json.loads(call_cae("evaluate", path, *ON_CPU, "--json").out)
    scores = read_sealed_json(finished_run / "evaluation.json")["test"]["autoencoder"]
    assert {name: found[name] for name in scores} == scores
    assert f"{scores['psnr']:.1f} dB" in call_cae("evaluate", path, *ON_CPU).out


def test_an_encoder_alone_is_refused_before_any_images_are_looked_for(call_cae, finished_run: Path):
    path = finished_run / "models" / "encoder_digits.json"
    answer = call_cae("evaluate", path, *ON_CPU, "--data", "nowhere")
    assert answer.code == 4
    assert f"{path}: an encoder alone cannot be evaluated; give its autoencoder or" in answer.err


def sort_test_images(folder: Path, names: str) -> int:
    """Write the first 50 test digits of some classes into their folders; return how many."""
    test = cae.load_dataset("digits").test
    assert test.labels is not None
    count = 0
    for place, (image, label) in enumerate(zip(test.images[:50], test.labels, strict=False)):
        name = test.class_names[label]
        if name in names:
            (folder / name).mkdir(parents=True, exist_ok=True)
            pixels = np.ascontiguousarray(image.transpose(1, 2, 0))
            Image.fromarray(pixels).save(folder / name / f"{place}.png")
            count += 1
    return count


@pytest.mark.parametrize("options", [("--data", "new/test", "--all"), ("--data", "new")])
def test_a_new_batch_is_measured_whole_even_if_it_lacks_classes(
    call_cae, finished_run: Path, tmp_path: Path, options
):
    count = sort_test_images(tmp_path / "new" / "test", "357")
    model = classifier_of(finished_run)
    answer = call_cae("evaluate", model, *ON_CPU, "--json", *options)
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["count"] == count
    support = {name: of["support"] for name, of in found["per_class"].items()}
    assert {name for name, images in support.items() if images} == set("357")
    assert len(support) == 10
    assert f"all {count} labelled pictures are for testing" in answer.err
    assert "it may be tested on some" in answer.err
    table = call_cae("evaluate", model, *ON_CPU, *options).out
    assert "no images" in table


def test_all_of_what_a_model_was_trained_on_is_told_apart_from_its_test_pictures(
    call_cae, finished_run: Path, tmp_path: Path
):
    count = sort_test_images(tmp_path / "pics", "0123456789")
    data = cae.load_dataset(tmp_path / "pics", image_shape=(32, 32, 3))
    model = classifier_of(finished_run)
    content = read_sealed_json(model)
    content["about"]["data"] = data.source
    write_sealed_json(model, content)

    answer = call_cae("evaluate", model, *ON_CPU, "--data", "pics", "--all")
    assert answer.code == 0, answer.err
    told = " ".join(answer.err.split())
    test = len(data.test)
    assert f"{data.source}: {test} of the {count} labelled pictures are for testing" in told
    assert f"{len(data.train)} of the {count} pictures measured are training or validation" in told
    assert f"without --all, only the {test} for testing are measured" in told
    assert "not on" not in told
    assert f"{data.source}, all {count} labelled pictures" in answer.out
    assert "test set" not in answer.out

    answer = call_cae("evaluate", model, *ON_CPU, "--data", "pics")
    assert f"{data.source} test set, {test} images" in answer.out
    assert "warning" not in answer.err


def test_all_of_a_built_in_data_set_is_not_for_testing(call_cae, finished_run: Path):
    answer = call_cae("evaluate", classifier_of(finished_run), *ON_CPU, "--all")
    assert answer.code == 2
    assert "--all: digits has test images of its own" in answer.err


def test_all_of_a_copy_of_cifar10_is_not_for_testing(
    call_cae, finished_run: Path, cifar10_folder: Path
):
    model = classifier_of(finished_run)
    answer = call_cae("evaluate", model, *ON_CPU, "--data", cifar10_folder, "--all")
    assert answer.code == 2
    assert f"--all: {cifar10_folder} has test images of its own" in answer.err


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nowhere", "'nowhere': no such file or folder"),
        ("new/3", "a folder of pictures for each class"),
    ],
)
def test_all_of_what_is_no_data_set_is_refused_for_what_it_is(
    call_cae, finished_run: Path, tmp_path: Path, source: str, words: str
):
    sort_test_images(tmp_path / "new", "3")
    model = classifier_of(finished_run)
    answer = call_cae("evaluate", model, *ON_CPU, "--data", source, "--all")
    assert answer.code == 3
    assert words in answer.err
    assert "test images of its own" not in answer.err


@pytest.mark.parametrize("names", ["3", "35"])
def test_too_few_pictures_to_set_some_aside_can_all_be_measured(
    call_cae, finished_run: Path, tmp_path: Path, names: str
):
    sort_test_images(tmp_path / "new", names)
    for extra in sorted((tmp_path / "new" / "3").iterdir())[1:]:
        extra.unlink()
    words = ("evaluate", classifier_of(finished_run), *ON_CPU, "--data", "new")
    answer = call_cae(*words)
    assert answer.code == 3
    assert answer.err.endswith("; to measure all pictures, add --all\n")
    assert call_cae(*words, "--all").code == 0


def test_pictures_of_other_classes_cannot_be_measured(call_cae, finished_run: Path, tmp_path: Path):
    sort_test_images(tmp_path / "new", "35")
    (tmp_path / "new" / "5").rename(tmp_path / "new" / "five")
    model = classifier_of(finished_run)
    answer = call_cae("evaluate", model, *ON_CPU, "--data", "new", "--all")
    assert answer.code == 3
    assert "does not know class 'five'" in answer.err


def test_a_model_of_unknown_data_wants_to_be_told_which(call_cae, finished_run: Path):
    content = read_sealed_json(classifier_of(finished_run))
    del content["about"]["data"]
    write_sealed_json(classifier_of(finished_run), content)
    answer = call_cae("evaluate", classifier_of(finished_run), *ON_CPU)
    assert answer.code == 2
    assert "--data cifar10, digits, or the path of their folder" in answer.err
    answer = call_cae("evaluate", classifier_of(finished_run), *ON_CPU, "--data", "digits")
    assert answer.code == 0


def test_predictions_are_those_of_the_model(call_cae, finished_run: Path, tmp_path: Path):
    paths = save_test_images(tmp_path, 3)
    answer = call_cae("predict", *paths, "--model", classifier_of(finished_run), *ON_CPU, "--json")
    found = json.loads(answer.out)

    images = cae.load_dataset("digits").test
    runtime = cae.choose_runtime(device="cpu", precision="float32")
    expected = cae.classify(cae.read_model(classifier_of(finished_run)), images, runtime=runtime)
    for place, prediction in enumerate(found):
        assert prediction["path"] == str(paths[place])
        row = [prediction["probabilities"][name] for name in images.class_names]
        assert row == pytest.approx(expected[place].tolist(), abs=1e-6)
        assert prediction["class"] == images.class_names[int(np.argmax(expected[place]))]
        assert prediction["probability"] == max(row)
        assert list(prediction["probabilities"].values()) == sorted(row, reverse=True)


def test_without_a_model_the_newest_classifier_is_taken_and_named(
    call_cae, finished_run: Path, tmp_path: Path
):
    (picture,) = save_test_images(tmp_path, 1)
    models = tmp_path / "models"
    models.mkdir()
    for suffix in ("json", "safetensors"):
        content = classifier_of(finished_run).with_suffix(f".{suffix}").read_bytes()
        (models / f"classifier_older.{suffix}").write_bytes(content)
    os.utime(models / "classifier_older.json", (1, 1))

    answer = call_cae("predict", picture.name, *ON_CPU)
    assert answer.code == 0
    assert answer.err.startswith("model: runs/digits-digits/models/classifier_digits.json\n")
    assert "trained on the built-in digits" in answer.err
    assert picture.name in answer.out

    os.utime(models / "classifier_older.json", (2**32, 2**32))
    answer = call_cae("predict", picture.name, *ON_CPU)
    assert answer.err.startswith("model: models/classifier_older.json\n")

    (models / "classifier_older.json").write_text("{")
    answer = call_cae("predict", picture.name, *ON_CPU)
    assert "warning: skipping a model that cannot be used: models/classifier_older" in answer.err
    assert "model: runs/digits-digits" in answer.err


def test_without_any_classifier_there_is_advice(call_cae, tmp_path: Path):
    (picture,) = save_test_images(tmp_path, 1)
    answer = call_cae("predict", picture, *ON_CPU)
    assert answer.code == 4
    assert "cae run" in answer.err
    assert "--model" in answer.err


def test_an_encoder_cannot_predict(call_cae, finished_run: Path, tmp_path: Path):
    (picture,) = save_test_images(tmp_path, 1)
    model = finished_run / "models" / "encoder_digits.json"
    answer = call_cae("predict", picture, "--model", model, *ON_CPU)
    assert answer.code == 4
    assert "have no classes" in answer.err


def test_bad_pictures_are_named_after_the_good_ones_are_answered(
    call_cae, finished_run: Path, tmp_path: Path
):
    paths = save_test_images(tmp_path, 3)
    (tmp_path / "no.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    model = ("--model", classifier_of(finished_run), *ON_CPU, "--json")
    expected = json.loads(call_cae("predict", *paths, *model).out)
    mixed = (paths[0], "no.png", paths[1], "gone.png", "empty", paths[2])
    answer = call_cae("predict", *mixed, *model)
    assert answer.code == 3
    assert json.loads(answer.out) == expected
    *_, last = answer.err.splitlines()
    assert last == (
        "error: empty: holds no pictures (PNG, JPEG, WebP and the like); add some or remove the "
        "folder | 2 of 5 pictures cannot be used: no.png: not an image of a known format | "
        "gone.png: no such file; save these files again, or remove them"
    )


def test_without_a_good_picture_there_is_no_answer(call_cae, finished_run: Path, tmp_path: Path):
    (tmp_path / "no.png").write_text("no image")
    answer = call_cae("predict", "no.png", "--model", classifier_of(finished_run), "--json")
    assert answer.code == 3
    assert answer.out == ""
    assert answer.err.splitlines()[-1].startswith("error: no.png: not an image")


def test_a_name_that_no_file_can_have_is_refused_as_a_missing_file_is(call_cae, finished_run: Path):
    answer = call_cae("predict", "x" * 5000, "--model", classifier_of(finished_run), *ON_CPU)
    assert answer.code == 3
    assert "File name too long" in answer.err


def test_pictures_in_the_folder_of_a_run_are_classified_and_its_plots_are_not(
    call_cae, finished_run: Path
):
    (picture,) = save_test_images(finished_run, 1)
    answer = call_cae("predict", finished_run, *ON_CPU, "--json")
    assert answer.code == 0, answer.err
    assert [each["path"] for each in json.loads(answer.out)] == [str(picture)]
    assert "holds a run of cae; skipping the folders in it" in answer.err


def test_a_folder_stands_for_its_pictures_however_many_are_classified_at_once(
    call_cae, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pictures = tmp_path / "pictures"
    (pictures / "more").mkdir(parents=True)
    paths = save_test_images(pictures, 5)
    paths[4] = paths[4].rename(pictures / "more" / "z.png")
    model = ("--model", classifier_of(finished_run), *ON_CPU, "--json")
    expected = json.loads(call_cae("predict", *paths, *model).out)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "cae.apps.progress.Loading.count_pictures",
        lambda _, done, total: seen.append((done, total)),
    )
    monkeypatch.setattr("cae.apps.inspection._BYTES_AT_ONCE", 2 * 32 * 32 * 3)
    answer = call_cae("predict", pictures, *model)
    assert answer.code == 0
    assert seen == [(done, 5) for done in range(1, 6)]
    found = json.loads(answer.out)
    assert [each["path"] for each in found] == [str(path) for path in paths]
    for one, other in zip(found, expected, strict=True):
        assert one["class"] == other["class"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-6)
