"""The command `cae report`: what it makes of its options, and its exit codes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What the report was asked for."""
    found: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(
        "cae.report.paper.make_report", lambda *given, **named: found.append((given, named))
    )
    return found


def test_the_present_folder_is_the_run_unless_another_is_named(
    call_cae: Callable[..., Any], calls: list[tuple[tuple[Any, ...], dict[str, Any]]]
):
    assert call_cae("report").code == 0
    (given, named) = calls[0]
    assert given == (Path(), Path("report.pdf"))
    assert named["command"] == "cae report"
    # Of another run nothing is written here.
    assert call_cae("report", "--run", "runs/a").code == 0
    assert calls[1][0] == (Path("runs/a"), Path("runs/a/report.pdf"))


def test_the_options_arrive_and_the_command_is_told_without_where_the_pdf_goes(
    call_cae: Callable[..., Any], calls: list[tuple[tuple[Any, ...], dict[str, Any]]]
):
    options = [
        "--run",
        "runs/a",
        "--beside",
        "runs/b c",
        "--beside",
        "runs/d",
        "--study",
        "s",
        "--benchmarks",
        "b",
    ]
    answer = call_cae("report", *options, "--out", "mine.pdf")
    (given, named) = calls[0]
    assert given == (Path("runs/a"), Path("mine.pdf"))
    assert named["beside"] == [Path("runs/b c"), Path("runs/d")]
    assert (named["study"], named["benchmarks"]) == (Path("s"), Path("b"))
    assert named["command"] == (
        "cae report --run runs/a --beside 'runs/b c' --beside runs/d --study s --benchmarks b"
    )
    assert "mine.pdf" in answer.err


def test_a_folder_without_a_run_is_an_error_about_a_saved_model(call_cae: Callable[..., Any]):
    answer = call_cae("report")
    assert answer.code == 4
    assert "there is no run.json; name the folder of one with --run" in answer.err


def test_a_missing_typesetter_has_the_exit_code_of_a_missing_extra(
    call_cae: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "typst", None)
    answer = call_cae("report")
    assert answer.code == 6
    assert "[report]" in answer.err
