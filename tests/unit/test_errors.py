"""Every error is ours and the standard library's too, and has an exit code of its own."""

from __future__ import annotations

import pytest

from cae import errors

TABLE = [
    (errors.CaeError, Exception, 1),
    (errors.ConfigError, ValueError, 2),
    (errors.OccupiedError, errors.ConfigError, 2),
    (errors.DataError, ValueError, 3),
    (errors.TooFewError, errors.DataError, 3),
    (errors.CheckpointError, RuntimeError, 4),
    (errors.DivergedError, ArithmeticError, 5),
    (errors.StoppedError, RuntimeError, 130),
    (errors.MissingExtraError, ImportError, 6),
]


@pytest.mark.parametrize(("kind", "standard", "code"), TABLE)
def test_an_error_can_be_caught_as_ours_and_as_the_standard_one(kind, standard, code):
    for expected in (errors.CaeError, standard):
        with pytest.raises(expected, match="what happened"):
            raise kind("what happened")
    assert kind.exit_code == code


def test_the_table_is_complete():
    found = {value for value in vars(errors).values() if isinstance(value, type)}
    assert found == {kind for kind, _, _ in TABLE}
