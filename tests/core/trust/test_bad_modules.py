"""Modules that cannot be used: one clear line, nothing run that was not agreed to, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

import core
from core.checkpoint import load, save
from core.errors import UserError
from core.pipeline import prune
from core.trust.source import read_new
from core.trust.store import ChangedError, trusted
from tests.core.engine.line import Line
from tests.core.trust.conftest import EXAMPLES, Trust
from tests.core.trust.nets import described
from tests.core.warm import Warm

GOOD = (EXAMPLES / "attention.py").read_text("utf-8")
RAISES = {
    "raises": ("raise ValueError('not\\ntoday')", "failed when it was imported"),
    "base": ("class E(BaseException): pass\nraise E('x')", "failed when it was imported"),
    "exits": ("import sys\nsys.exit(0)", "failed when it was imported"),
    "quits": ("raise SystemExit('bye')", "failed when it was imported"),
    "recurses": ("def f(): f()\nf()", "failed when it was imported"),
    "memory": ("raise MemoryError", "failed when it was imported"),
    "import": ("import no_such_package_here", "imports no_such_package_here"),
    "submodule": ("from no_such.part import x", "imports no_such"),
    "relative": ("from .sibling import x", "failed when it was imported"),
    "name": ("from torch.nn import NoSuchThing", "failed when it was imported"),
    "escape": ("raise ValueError('\\x1b[2J\\u202e')", "failed when it was imported"),
    "generator": ("raise GeneratorExit", "failed when it was imported"),
    "division": ("1 / 0", "failed when it was imported"),
}


def refused(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        load(path)
    text = str(caught.value)
    assert "\n" not in text and text.isprintable() and len(text) < 800
    return caught.value


@pytest.mark.parametrize("kind", RAISES)
def test_modules_that_do_not_run(kind: str, trust: Trust, tmp_path: Path) -> None:
    code, message = RAISES[kind]
    file = tmp_path / "mine.py"
    file.write_text(f"{GOOD}\n{code}\n", "utf-8")
    trust(file)
    path = described(tmp_path)
    before = list(sys.path)
    for _again in range(2):
        assert message in refused(path).message
    assert sys.path == before and "mine" not in sys.modules
    file.write_text(GOOD, "utf-8")  # mended, and agreed to again
    trust(file)
    assert load(path).facts.modules[0]["name"] == "mine"


def test_a_syntax_error(trust: Trust, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"{GOOD}\n", "utf-8")
    trust(file, "ours.blocks")
    file.write_text(f"{GOOD}\nclass CoordAtt(nn.Module:\n", "utf-8")
    trust(file, "ours.blocks")
    # No class is found in it, so nothing of it is run: the block's module is unknown.
    assert "does not have: CoordAtt" in refused(described(tmp_path)).message


@pytest.mark.parametrize("change", ["changed", "removed", "folder", "longer"])
def test_what_is_no_longer_what_was_agreed_to(change: str, trust: Trust, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(GOOD, "utf-8")
    trust(file)
    path = described(tmp_path)
    load(path)  # it runs in this process already
    mark = f"\nfrom pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    if change in ("changed", "longer"):
        file.write_text(GOOD.replace("reduction=32", "reduction=16") + mark, "utf-8")
    else:
        file.unlink()
        if change == "folder":
            file.mkdir()
            (file / "__init__.py").write_text(GOOD + mark, "utf-8")
    with pytest.raises(ChangedError) as caught:
        load(path)
    assert "mine" in caught.value.message and "secateur trust add" in caught.value.hint
    assert caught.value.path == str(file)
    assert not (tmp_path / "ran").exists()
    if change in ("changed", "longer"):
        trust(file)
        assert load(path).facts.modules
        assert (tmp_path / "ran").exists()


def test_a_module_without_what_a_file_asks_for(trust: Trust, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("class CoordAtt:\n    def __init__(self, *args): raise OSError\n", "utf-8")
    trust(file)
    assert "not a PyTorch module" in refused(described(tmp_path)).message
    file.write_text("if False:\n    class CoordAtt: pass\n", "utf-8")
    trust(file)
    assert "does not define the class CoordAtt" in refused(described(tmp_path)).message


def test_two_modules_with_one_class(trust: Trust, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(GOOD, "utf-8")
        trust(tmp_path / f"{name}.py")
    assert "several trusted modules" in refused(described(tmp_path)).message


def test_neighbours_are_not_imported(
    trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody agreed to the files next to a module, nor to those of the current folder."""
    (tmp_path / "neighbour.py").write_text("open('ran', 'w')", "utf-8")
    file = tmp_path / "mine.py"
    file.write_text(f"import neighbour\n{GOOD}", "utf-8")
    trust(file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "imports neighbour" in refused(described(tmp_path)).message
    assert not (tmp_path / "ran").exists()
    (tmp_path / "neighbour.py").write_text("WIDTH = 3\n", "utf-8")
    trust(tmp_path / "neighbour.py")
    assert len(load(described(tmp_path)).facts.modules) == 1


def test_compiled_files_are_not_run(trust: Trust, tmp_path: Path) -> None:
    """What is run is the text that was hashed, not bytecode that lies next to it."""
    import py_compile

    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("from mine.blocks import CoordAtt\n", "utf-8")
    (package / "blocks.py").write_text("raise OSError", "utf-8")
    compiled = Path(py_compile.compile(str(package / "blocks.py"), doraise=True))
    stamp = (package / "blocks.py").stat()
    (package / "blocks.py").write_text(GOOD, "utf-8")
    os.utime(package / "blocks.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert compiled.exists()
    trust(package)
    assert load(described(tmp_path)).facts.modules[0]["classes"][0] == "mine.blocks.CoordAtt"


def test_scripts_run_for_their_classes_alone(trust: Trust, tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    part = f"\nif __name__ == '__main__':\n    open({str(tmp_path / 'ran')!r}, 'w')\n"
    file.write_text(GOOD + part, "utf-8")
    trust(file, "__main__")
    loaded = load(described(tmp_path))
    assert "__main__.CoordAtt" in loaded.facts.modules[0]["classes"]
    assert not (tmp_path / "ran").exists()
    from core.checkpoint import save

    save(loaded.model, tmp_path / "own.pt", train_args={})
    assert load(tmp_path / "own.pt").facts.modules == loaded.facts.modules


def test_a_module_that_never_ends_is_interrupted(trust: Trust, tmp_path: Path) -> None:
    """By Ctrl+C on the command line; the window ends the engine (tests/app)."""
    file = tmp_path / "mine.py"
    mark = tmp_path / "ran"
    file.write_text(f"open({str(mark)!r}, 'w').close()\nwhile True: pass\n{GOOD}", "utf-8")
    trust(file)
    # Whoever runs the tests in the background may have them ignore Ctrl+C.
    heard = "import signal; signal.signal(2, signal.default_int_handler); "
    start = f"{heard}from core.cli.main import main; raise SystemExit(main())"
    command = [sys.executable, "-c", start, "inspect", str(described(tmp_path))]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not mark.exists():
        assert process.poll() is None
        threading.Event().wait(0.05)
    process.send_signal(2)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.strip().endswith("secateur: Interrupted; no incomplete files were left.")


@pytest.mark.parametrize("at", ["forward", "__init__"])
def test_modules_that_exit_later(at: str, trust: Trust, warm: Warm, tmp_path: Path) -> None:
    """A method of a trusted class ends neither the command nor the engine."""
    file = tmp_path / "mine.py"
    code = f"\nimport sys\nCoordAtt.{at} = lambda self, *args, **more: sys.exit(0)\n"
    file.write_text(GOOD + code, "utf-8")
    trust(file)
    path = described(tmp_path)
    done = subprocess.run(
        [str(warm.folder / "secateur"), "inspect", "--no-cache", str(path)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1 and "sys.exit" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    line = Line(warm)
    try:
        line.send(id=1, task="open", args={"path": str(path)})
        failed = line.end_of(1)[-1]
        assert failed["event"] == "failed" and not failed["bug"]
        assert "sys.exit" in failed["message"]
        line.send(id=2, task="open", args={"path": "yolov8n.yaml"})
        assert line.end_of(2)[-1]["event"] == "done"
    finally:
        line.close()


PLACES = (
    "missing.py", "empty", "fifo.py", "module.bin", "wrong.py", "torch.py", "json.py", "a-b.py",
)  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_what_is_not_a_module(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "empty":
        path.mkdir()
    elif name == "fifo.py":
        os.mkfifo(path)
    elif name == "module.bin":
        path.write_bytes(bytes(range(256)))
    elif name == "wrong.py":
        path.write_bytes(b"# coding: no-such-code\n")
    elif name != "missing.py":
        path.write_text(GOOD, "utf-8")
    with pytest.raises(UserError) as caught:
        read_new(path)
    assert "\n" not in str(caught.value) and caught.value.hint
    assert trusted() == ()


WIDER = """
from torch import nn


class Wider(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        return self.conv(x)


class Attention(nn.Module):
    def __init__(self, inputs, *, heads):
        super().__init__()
        self.conv = nn.Conv2d(inputs, inputs, 1)

    def forward(self, x):
        return self.conv(x)
"""


@pytest.mark.parametrize(
    ("block", "arguments"),
    [
        ("Wider", "[64]"),  # the fork's parser adds what it reads
        ("Wider", "[32, 64]"),  # and lets the width change
        ("Wider", "[]"),
        ("Attention", "[32]"),
        ("Attention", "[32, 4]"),
    ],
)
def test_a_description_for_another_parser_says_what_to_write(
    block: str, arguments: str, trust: Trust, tmp_path: Path
) -> None:
    (file := tmp_path / "wider.py").write_text(WIDER, "utf-8")
    trust(file)
    with pytest.raises(UserError, match="cannot be built") as refused:
        load(described(tmp_path, block, arguments))
    assert f"does not know ({block}) the arguments of the list alone" in refused.value.hint
    assert load(described(tmp_path, "Wider", "[32, 32]")).facts.modules


def test_a_checkpoint_needs_no_parser(trust: Trust, tmp_path: Path) -> None:
    """A network whose own block changes the width, as the parser of a fork would have built it."""
    (file := tmp_path / "wider.py").write_text(WIDER, "utf-8")
    trust(file)
    loaded = load(described(tmp_path, "Wider", "[32, 32]"))
    block = type(loaded.model.model[2])(32, 48)
    block.i, block.f, block.type = 2, -1, "Wider"
    loaded.model.model[2] = block
    loaded.model.model[3].conv = torch.nn.Conv2d(48, 64, 3, 2, 1, bias=False)
    save(loaded.model, tmp_path / "fork.pt", train_args={"imgsz": 64})
    plan = core.Plan(selection=[{"block": 2, "ratio": 0.5}], round_to=1)
    done = prune(load(tmp_path / "fork.pt"), plan, tmp_path / "small.pt")
    assert done.verification.passed
    assert load(tmp_path / "small.pt").model.model[2].conv.out_channels == 24
