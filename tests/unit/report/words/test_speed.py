"""Measured speeds: every rate with its ratio, and words that give each peer its due."""

from __future__ import annotations

from typing import Any

from cae.report.phrases import TIMES
from cae.report.words.speed import make_speed_table, tell_precision, tell_speed


def make_speed(*, precision: str = "bfloat16", slowest: float = 2.0) -> dict[str, Any]:
    """Return a made-up result: Keras takes twice our time, in float32 we take 1.6 times it.

    Args:
        precision: that ours computes in.
        slowest: how many times as long the plain loop takes to classify an image.
    """

    def row(contestant: str, task: str, case: str, rate: float, ratio: float) -> dict[str, Any]:
        return {
            "contestant": contestant,
            "task": task,
            "case": case,
            "rate": {"median": rate},
            "rounds": [0.5 * rate, rate, 2 * rate],
            "ours_over_this": {"median": ratio},
        }

    rows = [{"task": "machine", "case": "float32", "contestant": "matrix product", "rate": {}}]
    names = {
        "cae": 1.0,
        "cae, float32": 1.6,
        "Keras 3": 2.0,
        "plain PyTorch": 4.0,
        "the convolutions alone": 0.7,
    }
    for name, ratio in names.items():
        rows.append(row(name, "autoencoder", "batch 64", 1000 / ratio, ratio))
        rows.append(row(name, "classifier", "batch 64", 4000 / ratio, ratio))
    rows.append(row("plain PyTorch", "inference", "batch 1", 1000 / slowest, slowest))
    return {"rows": rows, "environment": {"precision": precision}}


def test_rates_stand_with_their_ratios_and_empty_cells_where_nothing_was_measured():
    rows = {row[0]: row for row in make_speed_table(make_speed())["rows"]}
    assert next(iter(rows.values())) == ["cae", "1,000", "4,000", "", "", ""]
    keras = rows["Keras 3"]
    assert keras[1:] == [f"500 ({TIMES} 2.00)", f"2,000 ({TIMES} 2.00)", "", "", ""]
    assert rows["plain PyTorch"][3] == f"500 ({TIMES} 2.00)"


def test_the_sentence_on_speed_names_peers_and_not_the_floor():
    words = tell_speed(make_speed())
    assert "2.0 and 2.0 times that of Keras 3 and 4.0 and 4.0 times that of plain PyTorch" in words
    assert "convolutions" not in words
    assert tell_speed({"rows": [], "environment": {"precision": "float32"}}) == ""


def test_the_codes_own_share_is_told_in_the_precision_of_the_peers():
    assert (
        "The peers compute in float32, as they do unless told otherwise. With ours in float32 too "
        "(`cae, float32`) the ratios are 1.2 and 1.2 (Keras 3) and 2.5 and 2.5 (plain PyTorch)."
    ) in tell_speed(make_speed())
    assert "hold them against `cae, float32`" in tell_precision(make_speed())
    alike = make_speed(precision="float32")
    assert "float32" not in tell_speed(alike) + tell_precision(alike)


def test_a_faster_peer_is_named_with_its_task():
    assert "faster than ours" not in tell_speed(make_speed())
    assert tell_speed(make_speed(slowest=0.95)).endswith(
        f"Plain PyTorch is faster than ours at classifying one image ({TIMES} 0.95)."
    )
