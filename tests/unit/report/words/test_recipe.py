"""The configuration in the report: which keys act, what is special, and the command."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import cae
from cae.config import RunConfig, dump
from cae.presets import load_preset, override
from cae.report.results.seeds import group_runs
from cae.report.results.sources import Run
from cae.report.words.recipe import (
    acts,
    find_followed,
    is_of_preset,
    list_commands,
    make_changes_tables,
    make_config_tables,
    wrap_command,
    write_command,
    write_value,
)


def list_keys(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [row["key"] for row in rows]


def test_keys_whose_switch_is_off_and_new_keys_at_their_default_are_left_out():
    tables = make_config_tables(dump(load_preset("base")))
    keys = [key for table in tables.values() for key in list_keys(table)]
    assert {"epochs", "lr", "conv_blocks", "data_augmentation"} <= set(keys)
    assert not {"early_stopping_delta", "kernel_regularizer_value", "weight_decay", "seed"} & {
        *keys
    }
    assert not any(any(row["changed"]) for table in tables.values() for row in table)


def test_what_differs_from_the_origin_is_marked_for_each_stage():
    config = override(RunConfig(), ["classifier.lr=0.01", "classifier.freeze_encoder=false"])
    tables = make_config_tables(dump(config))
    (rate,) = [row for row in tables["shared"] if row["key"] == "lr"]
    assert (rate["values"], rate["changed"]) == (["0.001", "0.01"], [False, True])
    (frozen,) = [row for row in tables["classifier"] if row["key"] == "freeze_encoder"]
    assert (frozen["values"], frozen["changed"]) == (["off"], [True])


def test_a_value_whose_switch_is_off_in_one_stage_has_an_empty_cell():
    tables = make_config_tables(dump(RunConfig()))
    (row,) = [row for row in tables["shared"] if row["key"] == "dropout_value"]
    assert row["values"] == ["0.2", ""]


def test_the_table_of_changes_has_a_column_for_each_run(make_run: Callable[..., Run]):
    table = make_changes_tables(
        group_runs([make_run(name="a"), make_run(name="b", lr=0.5, seed=7)])
    )
    assert table["head"] == ["key", "`a`", "`b`"]
    assert table["classifier"] == [["lr", "0.001", "0.5"]]
    assert table["count"] == 1
    assert not table["is_long"]


def test_a_change_behind_a_switch_that_is_off_is_no_change(make_run: Callable[..., Run]):
    one, other = make_run(name="a"), make_run(name="b")
    other.config["classifier"].update(data_augmentation=False, augmentation_shift=0.3)
    one.config["autoencoder"]["kernel_regularizer_value"] = 5.0
    tables = make_changes_tables(group_runs([one, other]))
    assert ["augmentation_shift", "0.1", ""] in tables["classifier"]
    assert tables["autoencoder"] == []


@pytest.mark.parametrize(
    ("section", "key", "changes", "does"),
    [
        ("autoencoder", "mask_patch_size", {}, False),
        ("autoencoder", "mask_patch_size", {"mask_ratio": 0.6}, True),
        ("autoencoder", "mask_patch_size", {"encoder": "whitened"}, True),
        ("autoencoder", "target", {}, False),
        ("autoencoder", "init_num_filters", {}, True),
        ("autoencoder", "init_num_filters", {"filters_per_block": [8, 16, 32]}, False),
        ("autoencoder", "low_resolution_side", {}, False),
        ("autoencoder", "low_resolution_side", {"low_resolution_epochs": 2}, True),
        ("autoencoder", "batch_norm", {}, True),
        ("autoencoder", "batch_norm", {"encoder": "residual"}, False),
        ("autoencoder", "dropout_value", {"dropout": False}, False),
        ("classifier", "layer_decay", {"freeze_encoder": True}, False),
        ("classifier", "layer_decay", {"freeze_encoder": False}, True),
        ("classifier", "batch_norm", {}, True),
        ("classifier", "dense", {}, True),
        ("classifier", "dense", {"head": "linear"}, False),
        ("data", "val_size", {}, True),
    ],
)
def test_a_key_acts_unless_another_keeps_it_from_it(
    section: str, key: str, changes: dict[str, Any], *, does: bool
):
    assert acts(key, dump(RunConfig())[section] | changes) is does


def test_what_the_mask_would_be_is_not_told_where_there_is_none(make_run: Callable[..., Run]):
    one, other = make_run(name="a"), make_run(name="b")
    mask = {"mask_ratio": 0.6, "mask_patch_size": 8, "target": "gradient_histograms"}
    other.config["autoencoder"].update(mask)
    rows = {
        key: cells for key, *cells in make_changes_tables(group_runs([one, other]))["autoencoder"]
    }
    assert rows["mask_patch_size"] == ["", "8"]
    assert rows["target"] == ["", "gradient histograms"]


@pytest.mark.parametrize("lr", [0.001, 0.5])
def test_the_command_makes_the_configuration_again(make_run: Callable[..., Run], lr: float):
    run = make_run(lr=lr)
    words = shlex.split(write_command(run))
    assert words[:2] == ["cae", "run"]
    preset = words[words.index("--preset") + 1]
    settings = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    assert dump(cae.override(load_preset(preset), settings)) == run.config
    assert len(settings) == (lr != 0.001)
    assert words[-2:] == ["--name", "mine"]


def test_the_command_names_the_folder_of_a_users_own_pictures(make_run: Callable[..., Run]):
    for data, folder in (("my-pictures-21e1d758", "my-pictures"), ("mine", "mine")):
        words = shlex.split(write_command(make_run(data=data)))
        assert words[words.index("--data") + 1] == folder


@pytest.mark.parametrize("preset", cae.preset_names())
def test_a_preset_is_made_again_by_its_name(make_run: Callable[..., Run], preset: str):
    run = make_run(name=preset)
    run.config.update(dump(load_preset(preset)))
    assert write_command(run) == f"cae run --preset {preset} --data cifar10"


def test_runs_that_would_share_a_folder_are_given_their_own(make_run: Callable[..., Run]):
    sharp = [make_run(name=name, seed=seed) for name, seed in (("sharp", 42), ("eighth", 42))]
    for run in sharp:
        run.config.update(dump(load_preset("sharp")))
    base = [make_run(name="base", seed=seed) for seed in (42, 43, 43)]
    outs: list[str] = []
    for command in list_commands([*base, *sharp]):
        words = shlex.split(command)
        outs.append(words[words.index("--out") + 1] if "--out" in words else "")
    assert outs == [
        "",
        "runs/cifar10-base-seed43",
        "runs/cifar10-base-seed43-2",
        "",
        "runs/cifar10-eighth",
    ]


def test_a_command_is_broken_before_options_and_never_within_one():
    options = ["--set", "autoencoder.filters_per_block=[64, 128, 16]", "--name", "sharp_eighth"]
    command = shlex.join(["cae", "run", "--preset", "sharp", *options])
    assert wrap_command(command, width=len(command) + 2) == command
    lines = wrap_command(command, width=60).split("\n")
    assert lines == [
        "cae run --preset sharp \\",
        "    --set 'autoencoder.filters_per_block=[64, 128, 16]' \\",
        "    --name sharp_eighth",
    ]
    # A shell takes the lines for the command that they were.
    assert shlex.split(wrap_command(command, width=1).replace("\\\n", "")) == shlex.split(command)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "default"),
        (True, "on"),
        (1e-3, "0.001"),
        ([32, 32, 3], "32, 32, 3"),
        ("one_cycle", "one cycle"),
        ([], "none"),
        (64, "64"),
    ],
    ids=str,
)
def test_values_are_written_in_words(value: object, text: str):
    assert write_value(value) == text


def test_whose_ideas_a_recipe_has_is_found():
    base, optimal = (dump(load_preset(name)) for name in ("base", "optimal"))
    nothing = dict.fromkeys(("network", "target", "adjustment"), False)
    assert find_followed([base]) == nothing
    assert find_followed([base, optimal]) == dict.fromkeys(nothing, True)
    # Of a pretraining alone there is no classifier.
    masked = {"mask_ratio": 0.6, "target": "gradient_histograms"}
    assert find_followed([{"autoencoder": masked}]) == {**nothing, "target": True}
    # Without a mask nothing is predicted.
    assert find_followed([{"autoencoder": {**masked, "mask_ratio": 0}}]) == nothing
    balanced = dump(override(RunConfig(), ["classifier.class_balance=logit_adjustment"]))
    assert find_followed([balanced])["adjustment"]


def test_what_a_command_leaves_out_where_no_class_is_thinned_is_not_set(
    make_run: Callable[..., Run],
):
    run = make_run(data="flowers-0123abcd")
    run.evaluation["thinned_classes"] = []
    run.config.update(dump(load_preset("quick", is_thinned=False)))
    run.config["data"] = dump(load_preset("base"))["data"]
    command = write_command(run)
    assert command.startswith("cae run --preset quick --data flowers")
    assert "class_balance" not in command
    assert "posthoc" not in command


def test_the_command_leaves_out_damaged_pictures_where_the_run_did(make_run: Callable[..., Run]):
    run = make_run(data="flowers-0123abcd")
    assert "--skip-damaged" not in write_command(run)
    run.evaluation["left_out"] = ["daisy/1.jpg"]
    assert " --data flowers --skip-damaged" in write_command(run)


def test_a_run_is_of_a_preset_whatever_its_seeds(make_run: Callable[..., Run]):
    assert is_of_preset(make_run(seed=7))
    assert not is_of_preset(make_run(lr=0.5))
    assert not is_of_preset(make_run(data="digits"))


@pytest.mark.parametrize(
    "path", [b"st\xff", b"a b\xc3\xa4\x80'\\x41`$HOME", b"\xe7\x8c\xab/plain", b"it's here"]
)
def test_a_command_with_a_path_that_is_no_utf8_is_what_bash_reads_it_as(path: bytes):
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    words = ["echo", "--out", os.fsdecode(path)]
    command = wrap_command(shlex.join(words))
    command.encode()  # nothing but UTF-8
    said = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout
    assert said == b"--out " + path + b"\n"
