"""Pickles read as descriptions: the values that Python reads, and calls that never happen."""

from __future__ import annotations

import pickle

import pytest

from cae.data.pickles import Call, Name, read_pickle
from cae.errors import DataError

FUNCTION = Name("numpy", "dtype")


def read(content: bytes) -> object:
    return read_pickle(b"\x80\x02" + content + b".", allowed=frozenset({FUNCTION}))


@pytest.mark.parametrize(
    "content",
    [
        b"N",
        b"\x89",
        b"K\xff",
        b"M\xff\xff",
        b"J\xfe\xff\xff\xff",
        b"U\x03abc",
        b"T\x03\x00\x00\x00abc",
        b"(K\x01K\x02K\x03K\x04t",
        b"K\x01\x85",
        b"K\x01K\x02\x86",
        b"K\x01K\x02N\x87",
        b"](K\x01K\x02e",
        b"}(U\x01aK\x01U\x01b](K\x02K\x03eu",
        b"U\x01aq\x00",
        b"U\x01ar\x07\x01\x00\x00",
    ],
)
def test_values_are_those_that_python_reads(content):
    value = read(content)
    expected = pickle.loads(b"\x80\x02" + content + b".", encoding="bytes")
    assert value == expected
    assert type(value) is type(expected)


def test_a_call_stays_a_description():
    value = read(b"cnumpy\ndtype\n(U\x02u1tR(K\x01tb")
    assert value == Call(FUNCTION, (b"u1",), state=(1,))


def test_other_names_are_refused():
    with pytest.raises(DataError, match=r"asks for os\.system.*it may be an attack"):
        read(b"cos\nsystem\n")


@pytest.mark.parametrize(
    "code", [b"I1\n", b"X\x01\x00\x00\x00a", b"h\x00", b"i", b"o", b"\x93", b"P", b"Q"]
)
def test_other_instructions_are_refused(code):
    with pytest.raises(DataError, match=r"asks for instruction .* at byte 2, which no CIFAR-10"):
        read(code)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"U\x05abc",
        b"T\xff\xff\xff\xffabc",
        b"K",
        b"\x85",
        b"N\x87",
        b"e",
        b"N(e",
        b"](u",
        b"}(U\x01au",
        b"}(K\x01K\x02u",
        b"R",
        b"Nb",
        b"NNb",
        b"cnumpy",
        b"t",
    ],
)
def test_damage_is_an_error_that_is_named(content):
    with pytest.raises((ValueError, LookupError, TypeError)):
        read(content)


def test_other_protocols_are_refused():
    with pytest.raises(ValueError, match="protocol is not 2"):
        read_pickle(pickle.dumps([1], protocol=4), allowed=frozenset())
