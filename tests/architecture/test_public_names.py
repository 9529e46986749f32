"""The names that users of the package may rely on; a change here is a change for them."""

from __future__ import annotations

import cae

PUBLIC_NAMES: list[str] = []


def test_the_public_names_are_the_agreed_ones():
    assert sorted(getattr(cae, "__all__", [])) == sorted(PUBLIC_NAMES)


def test_every_public_name_can_be_imported():
    for name in PUBLIC_NAMES:
        assert getattr(cae, name) is not None
