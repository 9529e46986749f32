"""The commands that look take the options that their help promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.data.numbered_pictures import damage, fill


@pytest.mark.parametrize("command", ["data", "evaluate", "predict"])
def test_the_help_tells_every_option_of_a_command_that_looks(call_cae, command: str):
    told = call_cae(command, "--help").out
    known = {"data": ("--data", "--set"), "evaluate": ("--data", "--all"), "predict": ("--model",)}
    assert all(f"\n  {option} " in told for option in (*known[command], "--json"))
    assert ("--skip-damaged" in told) == (command != "predict")


def test_data_lists_the_damaged_pictures_that_it_leaves_out(call_cae, tmp_path: Path):
    root = fill(tmp_path / "pets", {"a": 9, "b": 9})
    names = [f"b/00{place}.png" for place in range(6)]
    for name in names:
        damage(root / name)
    refused = call_cae("data", "--data", "pets", "--json")
    assert refused.code == 3
    assert "6 of 18 pictures cannot be used" in refused.err
    assert refused.err.rstrip().endswith(
        "leave them out with --skip-damaged (skip_damaged=True in Python)"
    )
    answer = call_cae("data", "--data", "pets", "--json", "--skip-damaged")
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["left_out"] == names
    assert "| and 1 more" in answer.err
    for name in names:
        (root / name).unlink()
    assert "left_out" not in json.loads(call_cae("data", "--data", "pets", "--json").out)
