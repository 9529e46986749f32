"""Damage done to valid bytes, as a function of a random generator."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random

MOST_BYTES = 1 << 16

_NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 512, 4096, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_LARGE_NUMBERS = (2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1)
_TEXTS = (b"-1", b"1e999", b"NaN", b"null", b"{}", b"[]", b'""', b"\0", b"../", b"\x1b[2J", b"%s")

_PNG = b"\x89PNG\r\n\x1a\n"
_TAR_BLOCK = 512


def mutate(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of `seeds` with one to six random changes, of at most `MOST_BYTES` bytes."""
    data = bytearray(random.choice(seeds))
    for _ in range(random.randint(1, 6)):
        random.choice(_CHANGES)(random, data, seeds)
    return bytes(data[:MOST_BYTES])


def repair_checksums(data: bytes) -> bytes:
    """Return `data` with the checksums of tar headers and of PNG chunks right again.

    Without it almost every damage would be found by a checksum, and nothing behind it be tried.
    """
    if data.startswith(_PNG):
        return _repair_png(data)
    if len(data) >= _TAR_BLOCK and data[257:262] == b"ustar":
        return _repair_tar(data)
    return data


def _repair_tar(data: bytes) -> bytes:
    repaired = bytearray(data)
    for start in range(0, len(data) - _TAR_BLOCK + 1, _TAR_BLOCK):
        header = repaired[start : start + _TAR_BLOCK]
        if header[257:262].startswith(b"ustar"):
            header[148:156] = b"        "
            repaired[start + 148 : start + 156] = b"%06o\0 " % sum(header)
    return bytes(repaired)


def _repair_png(data: bytes) -> bytes:
    repaired, place = bytearray(data), len(_PNG)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", repaired, end, zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(repaired)


def _place(random: Random, data: bytearray) -> int:
    # Headers are short and stand in front: half of the changes go there.
    return random.randrange(min(len(data), 200) if random.random() < 0.5 else len(data))


def _flip_bit(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[_place(random, data)] ^= 1 << random.randrange(8)


def _set_byte(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[_place(random, data)] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))


def _cut_end(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        del data[_place(random, data) :]


def _delete(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        start = _place(random, data)
        del data[start : start + random.choice((1, 2, 4, 16, 512))]


def _insert(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    start = _place(random, data) if data else 0
    data[start:start] = random.choice((random.randbytes(random.randint(1, 16)), *_TEXTS))


def _repeat(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        start = _place(random, data)
        part = data[start : start + random.choice((1, 8, 64, 512))]
        data[start:start] = part * random.choice((1, 2, 16))
        del data[MOST_BYTES:]


def _splice(random: Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    other = random.choice(seeds)
    if data and other:
        start, begin = _place(random, data), random.randrange(len(other))
        data[start:] = other[begin:]


def _set_number(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Overwrite what may be a length with a number at the edge of its type."""
    size, form = random.choice(((2, "H"), (4, "I"), (8, "Q")))
    if len(data) >= size:
        number = random.choice((*_NUMBERS, *_LARGE_NUMBERS, len(data)))
        start = min(_place(random, data), len(data) - size)
        order = random.choice("<>")
        struct.pack_into(order + form, data, start, number % 2 ** (8 * size))


def _set_digits(random: Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Write another number where one stands as text."""
    places = list(re.finditer(rb"[0-9]+", data))
    if places:
        found = random.choice(places)
        number = random.choice((*_NUMBERS, *_LARGE_NUMBERS, 10**400, -1))
        data[found.start() : found.end()] = random.choice(
            (b"%d", b"%o" if number >= 0 else b"%d")
        ) % (number)


_CHANGES: tuple[Callable[[Random, bytearray, Sequence[bytes]], None], ...] = (
    _flip_bit,
    _set_byte,
    _cut_end,
    _delete,
    _insert,
    _repeat,
    _splice,
    _set_number,
    _set_number,
    _set_digits,
)
