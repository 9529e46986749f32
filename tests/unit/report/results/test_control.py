"""A control is that of a run's recipe, with an interval that says of what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cae.errors import CheckpointError, ConfigError
from cae.files import read_json, write_json
from cae.report.results.control import read_control
from cae.report.results.sources import Run

Make = Callable[..., Run]
Write = Callable[..., None]


def test_a_control_is_that_of_the_runs_recipe_whatever_its_seed(
    make_run: Make, write_control: Write, tmp_path: Path
):
    run = make_run(seed=1)
    assert read_control(tmp_path / "nowhere", run) is None
    write_control(tmp_path / "control_a.json", make_run(lr=0.5))
    assert read_control(tmp_path, run) is None
    write_control(tmp_path / "control_b.json", make_run(seed=2))
    control = read_control(tmp_path, run)
    assert control is not None
    assert control.epochs == (50, 24, 25)
    assert control.seeds == (1,)
    assert control.command == "python -m benchmarks.control --seeds 1"
    assert control.dates == ["2026-11-23"]


def test_a_recipe_written_before_a_key_came_has_its_default(
    make_run: Make, write_control: Write, tmp_path: Path
):
    run, path = make_run(), tmp_path / "control_a.json"
    write_control(path, run)
    content = read_json(path)
    del content["recipe"]["classifier"]["label_smoothing"]
    write_json(path, content)
    assert read_control(tmp_path, run) is not None


@pytest.mark.parametrize(
    "changes", [{"data": "digits"}, {"split": "of-another-seed"}], ids=lambda each: next(iter(each))
)
def test_a_control_of_other_images_is_none(
    make_run: Make, write_control: Write, tmp_path: Path, changes: dict[str, str]
):
    run, path = make_run(), tmp_path / "control_a.json"
    write_control(path, run)
    write_json(path, {**read_json(path), **changes})
    assert read_control(tmp_path, run) is None


@pytest.mark.parametrize(
    ("key", "value", "error", "told"),
    [
        ("pairs", None, CheckpointError, "has no 'pairs'; restore a copy of control_a.json, or"),
        ("pairs", [], CheckpointError, "control_a.json: is no result of .* measure it again"),
        ("pairs", [{"seed": 1}], CheckpointError, "is no result of .*'autoencoder_first'"),
        ("computation", 3, CheckpointError, "is no result of .*TypeError"),
        ("recipe", {"classifier": {"epoch": 3}}, ConfigError, "control_a.json"),
    ],
)
def test_a_damaged_control_is_refused_by_name(
    make_run: Make,
    write_control: Write,
    tmp_path: Path,
    key: str,
    value: Any,
    error: type[Exception],
    told: str,
):
    run, path = make_run(), tmp_path / "control_a.json"
    write_control(path, run)
    content = {name: each for name, each in read_json(path).items() if name != key}
    write_json(path, content if value is None else {**content, key: value})
    with pytest.raises(error, match=told):
        read_control(tmp_path, run)


@pytest.mark.parametrize(
    ("pairs", "gain", "reach"),
    [
        # Of one, over the test images: from 3 points below to 4 above each accuracy.
        ([(0.9, 0.8)], 0.1, 0.05),
        # Student's, of two values a point apart: 12.7 times half a point.
        ([(0.80, 0.90), (0.81, 0.90)], -0.095, 0.0635),
    ],
)
def test_the_interval_is_over_test_images_or_over_seeds(
    make_run: Make,
    write_control: Write,
    tmp_path: Path,
    pairs: list[tuple[float, float]],
    gain: float,
    reach: float,
):
    write_control(tmp_path / "control_a.json", make_run(), pairs)
    control = read_control(tmp_path, make_run())
    assert control is not None
    assert control.gain == pytest.approx(gain)
    assert control.interval == pytest.approx((gain - reach, gain + reach), abs=1e-4)
