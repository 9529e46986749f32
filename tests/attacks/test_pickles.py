"""A pickle in CIFAR-10's place runs nothing, hangs nothing and crashes nothing, MD5 or not."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from cae.data.cifar10 import load_cifar10
from cae.data.cifar10_formats import decode_python_batch
from cae.errors import DataError

EMPTY_TUPLE = b"(t"


class Runs:
    """Pickles into a call of `function` with `arguments`, and into a state set on its result."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.reduced


def make_attacks(trace: Path) -> dict[str, object]:
    """Return objects whose unpickling makes the folder `trace`, one way each."""
    code = f"__import__('os').mkdir({str(trace)!r})"
    mkdir = Runs(os.mkdir, str(trace))
    return {
        "os.system": Runs(vars(os)["system"], f"mkdir '{trace}'"),
        "os.mkdir": mkdir,
        "builtins.eval": Runs(eval, code),
        "builtins.exec": Runs(exec, code),
        "subprocess": Runs(subprocess.check_call, ["mkdir", str(trace)]),
        "nested calls": Runs(list, Runs(map, os.mkdir, [str(trace)])),
        "as an argument": Runs(list, (mkdir,)),
        "as a state": Runs(SimpleNamespace, state={"a": mkdir}),
        "in the pixels": {b"data": mkdir, b"labels": []},
        "in a label": {b"labels": [0, 1, mkdir]},
        "in a nested list": [[[[mkdir]]]],
    }


NAMES = list(make_attacks(Path("x")))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", NAMES)
def test_a_pickle_that_runs_code_is_refused_even_where_its_checksum_is_right(
    name, protocol, tmp_path, make_trusting_version
):
    trace = tmp_path / "it ran"
    content = pickle.dumps(make_attacks(trace)[name], protocol=protocol)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(content)
    version = make_trusting_version(data_batch_1=content, test_batch=content)
    with pytest.raises(DataError, match=r"data_batch_1: (the pickle asks for|not a readable)"):
        load_cifar10(tmp_path, versions=(version,))
    assert not trace.exists()
    pickle.loads(content)  # Unpickled, it would have: the attack is a real one.
    assert trace.exists()


@pytest.mark.parametrize("name", NAMES)
def test_the_checksum_refuses_it_before_a_byte_is_looked_at(name, tmp_path):
    trace = tmp_path / "it ran"
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    content = pickle.dumps(make_attacks(trace)[name], protocol=2)
    (folder / "data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match="expected MD5 c99cafc152244af753f735de768cd75f"):
        load_cifar10(tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"(S'touch x'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch x'\no.",  # OBJ
        b"\x80\x02cos\nsystem\nU\x07touch x\x85R.",
        b"\x80\x02cos\nsystem\nU\x07touch x\x85\x81.",  # NEWOBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x07touch x\x85R.",  # STACK_GLOBAL
        b"\x80\x02\x82\x01.",  # EXT1
        b"Px\n.",  # PERSID
        b"\x80\x02cnumpy.core.multiarray\n__builtins__\n.",
        b"\x80\x02cnumpy\nload\n.",
        b"\x80\x02cnumpy\ndtype.__reduce__\n.",
    ],
)
def test_no_instruction_that_makes_objects_is_followed(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"it may be an attack|protocol"):
        decode_python_batch(content, count=7, place="here")
    assert list(tmp_path.iterdir()) == []


# Made of plain values alone.
EXHAUSTING = {
    # A tuple of itself twice, 60 times over: its hash takes 2 to the 60 steps.
    "time": b"}(" + EMPTY_TUPLE + b"q\x00h\x00\x86" * 60 + b"Nu",
    # Python's hash of a nested tuple calls itself until the stack of C is full.
    "stack": b"}(" + EMPTY_TUPLE + b"\x85" * 500_000 + b"Nu",
    # Python's memo is a list as long as twice its highest number.
    "memory": b"Nr" + struct.pack("<I", 2**31 - 1),
}
READ_BY = {
    "python": "import pickle, io\n"
    "pickle.Unpickler(io.BytesIO(Path(sys.argv[1]).read_bytes()), encoding='bytes').load()",
    "cae": "from cae.data.cifar10_formats import decode_python_batch\n"
    "from cae.errors import DataError\n"
    "try:\n    decode_python_batch(Path(sys.argv[1]).read_bytes(), count=7, place='here')\n"
    "except DataError as error:\n    print(error)",
}


@pytest.mark.parametrize("name", EXHAUSTING)
def test_a_pickle_made_to_exhaust_the_machine_is_refused_at_once(name, tmp_path, run_bounded):
    path = tmp_path / "pickle"
    path.write_bytes(b"\x80\x02" + EXHAUSTING[name] + b".")
    answer = run_bounded(READ_BY["cae"], path)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("here: ")
    # Python's own unpickler, which needs no forbidden name for it, falls: the attack is real.
    assert run_bounded(READ_BY["python"], path, seconds=1).code != 0
