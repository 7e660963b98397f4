"""What stays refused once a module is trusted: everything but the classes that it defines."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.checkpoint import load
from core.errors import UserError
from core.trust.store import store_file, trusted
from tests.core.trust.conftest import Trust
from tests.core.trust.nets import described

MODULE = """
import os
import subprocess
from enum import Enum
from functools import partial
from os import system
from pathlib import Path

import torch
from torch import nn
from torch.hub import load as fetch

Path(__file__).with_name("ran").touch()


def run(command):
    Path(__file__).with_name("called").touch()


class CoordAtt(nn.Module):
    def __init__(self, *arguments):
        super().__init__()
        Path(__file__).with_name("called").touch()

    def forward(self, x):
        return x


class Outer(nn.Module):
    class Inner(nn.Module):
        def forward(self, x):
            return x


class Mode(Enum):
    FAST = "fast"
    SLOW = 2

    @classmethod
    def _missing_(cls, value):
        Path(__file__).with_name("called").touch()
        return cls.FAST


Other = nn.Linear
Alias = CoordAtt
helper = partial(run, "x")
"""


@pytest.fixture
def module(tmp_path: Path, trust: Trust) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MODULE, "utf-8")
    trust(path)
    return path


def archive(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as stream:
        stream.writestr("a/data.pkl", pickled)
        stream.writestr("a/version", "3\n")
        stream.writestr("a/byteorder", "little")
    return path


def asks(module: str, name: str, *, call: bytes = b"") -> bytes:
    """A pickle of ``{"model": module.name}``, called with what ``call`` leaves as a tuple."""
    body = f"c{module}\n{name}\n".encode()
    body += call + b"R" if call else b""
    return b"\x80\x02}X\x05\x00\x00\x00model" + body + b"s."


def ran(module: Path) -> set[str]:
    return {name for name in ("ran", "called") if (module.parent / name).exists()}


NOT_DEFINED = (
    ("mine", "system"),
    ("mine", "run"),
    ("mine", "fetch"),
    ("mine", "helper"),
    ("mine", "Other"),
    ("mine", "Alias"),
    ("mine", "Path"),
    ("mine", "Enum"),
    ("mine", "Mode.FAST"),
    ("mine", "nn"),
    ("mine", "os.system"),
    ("mine", "subprocess.check_output"),
    ("mine", "torch.load"),
    ("mine", "CoordAtt.forward"),
    ("mine", "CoordAtt.__init__"),
    ("mine", "__builtins__"),
    ("mine", "__loader__"),
    ("mine.os", "system"),
    ("mine.nn.modules.linear", "Linear"),
    ("mine.CoordAtt", "forward"),
    ("min", "CoordAtt"),
    ("mine2", "CoordAtt"),
    ("other.mine", "CoordAtt"),
    ("ultralytics.utils", "CoordAtt"),
    ("ultralytics.engine.trainer", "CoordAtt"),
    ("torch.nn.modules.conv", "CoordAtt"),
    ("torchvision.ops.misc", "CoordAtt"),
    ("ultralytics.nn.modules.block", "run"),
    ("ultralytics.nn.modules.block", "system"),
    ("ultralytics.nn.modules.block", "Other"),
    ("ultralytics.nn.tasks", "torch_safe_load"),
    ("builtins", "eval"),
    ("__main__", "CoordAtt"),
)


@pytest.mark.parametrize("call", [b"", b"X\x04\x00\x00\x00true\x85"], ids=["named", "called"])
@pytest.mark.parametrize("names", NOT_DEFINED, ids=".".join)
def test_nothing_else_is_loaded(names, call, module: Path, tmp_path: Path) -> None:
    path = archive(tmp_path / "bad.pt", asks(*names, call=call))
    with pytest.raises(UserError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert "called" not in ran(module)


@pytest.mark.parametrize("name", ["CoordAtt", "Outer", "Outer.Inner"])
@pytest.mark.parametrize("home", ["mine", "ultralytics.nn.modules.block"])
def test_classes_are_never_called(name, home, module: Path, tmp_path: Path) -> None:
    path = archive(tmp_path / "bad.pt", asks(home, name, call=b"X\x04\x00\x00\x00true\x85"))
    with pytest.raises(UserError):
        load(path)
    assert "called" not in ran(module)


@given(name=some.text(some.characters(codec="ascii", exclude_characters="\r\n"), max_size=20))
def test_any_other_name(name, tmp_path_factory) -> None:
    """Of the module as it is trusted, whatever is asked for next to its classes."""
    from core.trust.find import find_class

    folder = tmp_path_factory.mktemp("any")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        (folder / "mine.py").write_text(MODULE, "utf-8")
        from core.trust.source import read_new
        from core.trust.store import add

        add(read_new(folder / "mine.py"))
        if name.split(".")[0] in ("CoordAtt", "Outer"):
            return
        for dotted in (f"mine.{name}", f"ultralytics.nn.modules.block.{name}"):
            try:
                assert find_class(dotted, "a.pt", is_stock=False) is None
            except UserError as error:
                assert "does not define" in error.message
        assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    "other", ["posix.system", "builtins.exec", "mine.run", "elsewhere.Thing", "torch.hub.load"]
)
def test_a_refused_file_runs_nothing(other, module: Path, tmp_path: Path) -> None:
    """A file that asks for a trusted class and something else is refused before any of it runs."""
    home, _, name = other.rpartition(".")
    body = b"\x80\x02}(X\x05\x00\x00\x00modelcmine\nCoordAtt\n"
    body += f"X\x01\x00\x00\x00ac{home}\n{name}\n".encode() + b"u."
    pickletools.dis(body, io.StringIO())
    with pytest.raises(UserError):
        load(archive(tmp_path / "bad.pt", body))
    assert ran(module) == set()


def test_a_bad_description_runs_nothing(module: Path, tmp_path: Path) -> None:
    path = described(tmp_path)
    text = path.read_text("utf-8")
    for bad in (
        text.replace("Detect", "Nowhere"),
        text.replace("[64, 3, 2]", "[64000000, 3, 2]"),
        text + "activation: __import__('os').system('true')\n",
    ):
        path.write_text(bad, "utf-8")
        with pytest.raises(UserError):
            load(path)
        assert ran(module) == set()


def test_files_trust_nothing(tmp_path: Path) -> None:
    """Neither a checkpoint nor what lies next to it makes a module trusted."""
    (tmp_path / "mine.py").write_text(MODULE, "utf-8")
    (tmp_path / "trusted-modules.json").write_text(
        json.dumps({"version": 1, "modules": [{"name": "mine", "path": "mine.py", "sha256": ""}]}),
        "utf-8",
    )
    claim = {"secateur": [{"modules": [{"name": "mine", "file": str(tmp_path / "mine.py")}]}]}
    path = archive(tmp_path / "claims.pt", pickle.dumps(claim, 2))
    with pytest.raises(UserError):
        load(path)
    with pytest.raises(UserError, match="CoordAtt"):
        load(described(tmp_path))
    assert not (tmp_path / "ran").exists()
    assert trusted() == () and not store_file().exists()


def test_nested_classes_are_loaded_by_their_own_name_alone(module: Path, tmp_path: Path) -> None:
    """Protocol 2 spells a class inside a class as an attribute of the outer one."""
    getter = b"\x80\x02}X\x05\x00\x00\x00modelcbuiltins\ngetattr\ncmine\nOuter\n"
    for attribute in ("forward", "__init__", "__class__", "load_state_dict"):
        body = getter + b"X" + len(attribute).to_bytes(4, "little") + attribute.encode() + b"\x86R"
        with pytest.raises(UserError):
            load(archive(tmp_path / "bad.pt", body + b"(tRs."))
    assert "called" not in ran(module)


MEMBERS = {b"X\x04\x00\x00\x00fast\x85": "FAST", b"K\x02\x85": "SLOW"}
NO_MEMBERS = (
    b"X\x04\x00\x00\x00true\x85", b")", b"N\x85", b"K\x03\x85", b"]\x85", b"}\x85",
    b"G@\x00\x00\x00\x00\x00\x00\x00\x85", b"X\x04\x00\x00\x00fastK\x02\x86",
    b"K\x02K\x02K\x02\x87",
)  # fmt: skip


@pytest.mark.parametrize("call", NO_MEMBERS, ids=range(len(NO_MEMBERS)))
def test_members_of_enumerations_are_looked_up(call: bytes, module: Path, tmp_path: Path) -> None:
    """A pickle spells one as a call; its class is not called, whatever it is called with."""
    path = archive(tmp_path / "bad.pt", asks("mine", "Mode", call=call))
    with pytest.raises(UserError):
        load(path)
    assert "called" not in ran(module)


@pytest.mark.parametrize("call", MEMBERS)
def test_members_of_enumerations(call: bytes, module: Path, tmp_path: Path) -> None:
    from core.checkpoint.unpickle import read

    path = archive(tmp_path / "member.pt", asks("mine", "Mode", call=call))
    assert read(path, path)["model"].name == MEMBERS[call]
    assert "called" not in ran(module)
