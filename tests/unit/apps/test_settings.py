"""From the command line to a configuration, its data and its folder."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import cae
from cae.apps.settings import (
    Request,
    load_data,
    make_plan,
    read_config,
    read_image_shape,
    require_outside,
)
from cae.errors import ConfigError, DataError

REQUEST = Request(
    command="run",
    source="digits",
    preset=None,
    settings=(),
    seed=None,
    device="cpu",
    precision="float32",
    out=None,
    name=None,
    fresh=False,
    save_every=30.0,
)


def test_without_options_the_digits_get_their_preset_and_a_folder_named_after_both():
    plan = make_plan(REQUEST)
    assert plan.config == cae.load_preset("digits")
    assert plan.dataset.source == "digits"
    assert (plan.folder.root, plan.folder.name) == (Path("runs/digits-digits"), "digits")
    assert (str(plan.runtime.device), plan.runtime.precision) == ("cpu", "float32")


def test_a_preset_names_the_run_and_its_folder():
    plan = make_plan(replace(REQUEST, preset="base"))
    assert plan.config == cae.load_preset("base")
    assert (plan.folder.root, plan.folder.name) == (Path("runs/digits-base"), "base")


def test_out_and_name_are_taken_as_given():
    plan = make_plan(replace(REQUEST, out=Path("here"), name="mine", out_ending="-scratch"))
    assert (plan.folder.root, plan.folder.name) == (Path("here"), "mine")


def test_a_command_can_end_the_name_of_its_default_folder():
    plan = make_plan(replace(REQUEST, out_ending="-scratch"))
    assert plan.folder.root == Path("runs/digits-digits-scratch")


def test_cifar10_gets_the_quick_preset(cifar10_folder: Path):
    plan = make_plan(replace(REQUEST, source=str(cifar10_folder)))
    assert plan.config == cae.load_preset("quick")
    assert (plan.folder.root, plan.folder.name) == (Path("runs/cifar10-quick"), "quick")


def test_only_thinned_classes_are_made_up_for(tmp_path: Path):
    def plan(*settings: str) -> cae.ClassifierConfig:
        request = replace(REQUEST, preset="quick", settings=settings)
        return make_plan(request).config.classifier

    thinned, whole = plan(), plan("remove_fraction=0")
    assert (thinned.class_balance, thinned.posthoc_logit_adjustment) == ("sampling", 1)
    assert (whole.class_balance, whole.posthoc_logit_adjustment) == ("none", 0)
    asked = plan("remove_fraction=0", "class_balance=sampling")
    assert asked.class_balance == "sampling"


def test_the_seed_is_that_of_every_section_and_a_setting_can_refine_it():
    config = read_config(replace(REQUEST, seed=7, settings=["classifier.seed=8"]), "quick")
    assert (config.data.seed, config.autoencoder.seed, config.classifier.seed) == (7, 7, 8)


@pytest.mark.parametrize("key", ["freeze_encoder", "classifier.freeze_encoder"])
def test_a_setting_against_one_of_the_command_is_refused(key):
    request = replace(REQUEST, fixed=("classifier.freeze_encoder=false",))
    assert read_config(request, "base").classifier.freeze_encoder is False
    same = replace(request, settings=[f"{key}=false"])
    assert read_config(same, "base") == read_config(request, "base")
    with pytest.raises(ConfigError, match=r"needs classifier\.freeze_encoder=false"):
        read_config(replace(request, settings=[f"{key}=true"]), "base")


def test_a_setting_that_the_command_has_no_use_for_is_refused():
    request = replace(REQUEST, command="pretrain", sections=("data", "autoencoder"))
    for setting in ("classifier.epochs=3", "dense=false"):
        with pytest.raises(ConfigError, match=r"has no effect.*cae pretrain"):
            read_config(replace(request, settings=[setting]), "base")
    assert read_config(replace(request, settings=["epochs=3"]), "base").autoencoder.epochs == 3


def test_the_encoder_at_hand_keeps_its_own_configuration():
    encoder = cae.parse_autoencoder_config({"conv_blocks": 2, "epochs": 9})
    request = replace(REQUEST, autoencoder=encoder, settings=["epochs=3"])
    config = read_config(request, "base")
    assert config.autoencoder == encoder
    assert config.classifier.epochs == 3


def test_a_classifier_takes_images_of_the_shape_that_its_encoder_takes():
    encoder = cae.parse_autoencoder_config({"image_shape": [16, 16, 1]})
    request = replace(REQUEST, autoencoder=encoder)
    assert read_config(request, "base").classifier.image_shape == (16, 16, 1)
    other = replace(request, settings=["classifier.image_shape=[32, 32, 3]"])
    with pytest.raises(ConfigError, match=r"\[32, 32, 3\].*\[16, 16, 1\]"):
        read_config(other, "base")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preset": "quik"}, "did you mean 'quick'"),
        ({"settings": ["epoch=3"]}, "did you mean 'epochs'"),
        ({"settings": ["autoencoder.encoder=residual"]}, "residual"),
        ({"name": "x" * 120}, "at most 100 bytes"),
        ({"name": "../x"}, "cannot name a file"),
        ({"name": ""}, "cannot name a file"),
    ],
)
def test_what_is_wrong_is_told_before_any_data_is_looked_for(change: dict[str, object], words: str):
    with pytest.raises(ConfigError, match=words):
        make_plan(replace(REQUEST, source="/nowhere", **change))
    with pytest.raises(DataError, match="/nowhere"):
        make_plan(replace(REQUEST, source="/nowhere"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": "tpu"}, "use auto, cpu or cuda"),
        ({"precision": "int8"}, "use auto, float32 or bfloat16"),
    ],
)
def test_a_device_that_is_not_there_is_refused(change: dict[str, str], words: str):
    with pytest.raises(ConfigError, match=words):
        make_plan(replace(REQUEST, **change))


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ((), (32, 32, 3)),
        (("epochs=3", "encoder=whitened"), (32, 32, 3)),
        # No encoder of a preset could halve these twice.
        (("image_shape=[30,30,3]",), (30, 30, 3)),
        (("lr=0.1", "autoencoder.image_shape = [2, 1, 1]"), (2, 1, 1)),
        (("image_shape=[8,8,3]", "classifier.image_shape=[9,9,3]"), (9, 9, 3)),
    ],
)
def test_the_size_of_images_is_read_whatever_network_it_fits(settings, shape):
    assert read_image_shape(settings) == shape


@pytest.mark.parametrize("value", ["", "=", "=30", "=[30,30]", "=[0,8,3]", "=[8.5,8,3]", "=[8,8"])
def test_what_is_no_size_of_images_is_refused(value: str):
    with pytest.raises(ConfigError, match="--set: image_shape"):
        read_image_shape([f"image_shape{value}"])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with two classes of six pictures."""
    for name in ("a", "b"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for place in range(6):
            Image.new("RGB", (4, 4), (place, 9, 9)).save(tmp_path / "pets" / name / f"{place}.png")
    return tmp_path / "pets"


@pytest.mark.parametrize("out", [None, ".", "mine", "../pets/runs/mine", "../link/mine"])
def test_nothing_is_written_among_the_pictures(pictures: Path, monkeypatch, out: str | None):
    monkeypatch.chdir(pictures)
    (pictures.parent / "link").symlink_to(pictures)
    request = replace(REQUEST, source=".", out=None if out is None else Path(out))
    words = rf"is inside the folder of the pictures, {pictures}, .*: --out {pictures.parent}/runs/"
    with pytest.raises(ConfigError, match=words):
        make_plan(request)
    assert sorted(path.name for path in pictures.iterdir()) == ["a", "b"]


def test_a_run_may_lie_beside_the_pictures(pictures: Path, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    assert make_plan(replace(REQUEST, source="pets")).folder.root.parent == Path("runs")
    monkeypatch.chdir(pictures)
    out = Path("../runs/mine")
    assert make_plan(replace(REQUEST, source=".", out=out)).folder.root == out
    # Of a copy of CIFAR-10 and the built-in digits nothing is taken for a class.
    require_outside(Path("runs"), "digits")


def test_a_mistake_in_arguments_or_data_is_told_without_waiting_for_torch():
    code = """
import sys
from cae.apps.experiment import run
from cae.apps.settings import Request
from cae.errors import CaeError
for change in ({"settings": ["epoch=3"]}, {"preset": "quik"}, {"name": "../x"}, {}):
    given = dict(command="run", source="/nowhere", preset=None, settings=(), seed=None,
                 device="auto", precision="auto", out=None, name=None, fresh=False, save_every=30.0)
    try:
        run(Request(**(given | change)), as_json=False)
    except CaeError:
        continue
    sys.exit(f"nothing is wrong with {change}")
loaded = {"torch", "matplotlib", "sklearn"} & set(sys.modules)
sys.exit(f"loaded {loaded}" if loaded else 0)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_a_stand_in_for_cifar10_is_announced_loudly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("CAE_DATA_DIR", raising=False)
    dataset = load_data("auto")
    assert dataset.source == "digits"
    err = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "This is not CIFAR-10" in err
    assert "Tried: CAE_DATA_DIR: not set" in err
    assert "To provide a copy" in err
    assert "built-in digits" in err


def test_data_that_was_asked_for_comes_without_a_word(capsys: pytest.CaptureFixture[str]):
    load_data("digits")
    assert capsys.readouterr().err == ""
