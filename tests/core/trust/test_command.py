"""``secateur trust``: a module is shown, and trusted only once somebody agreed."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from core.cli.main import main
from core.trust.store import trusted
from tests.core.trust.conftest import EXAMPLES
from tests.core.trust.nets import described


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


def run(capsys, *words: object) -> tuple[int, str, str]:
    status = main([*map(str, words)])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(EXAMPLES / "attention.py", tmp_path / "mine.py"))


@pytest.mark.parametrize("answer", ["y", "YES", "", "n", "no", "yea", " ", "trust"])
def test_somebody_is_asked(answer: str, file: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    status, _, said = run(capsys, "trust", "add", file)
    assert file.read_text("utf-8").strip() in said  # all that will run is shown
    assert "SHA-256: " in said and "[y/N]" in said
    agreed = answer.lower() in ("y", "yes")
    assert (status, len(trusted())) == (int(not agreed), int(agreed))


def test_nobody_to_ask(file: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    status, out, said = run(capsys, "trust", "add", file)
    assert (status, out, trusted()) == (1, "", ()) and "nobody could be asked" in said
    status, out, _ = run(capsys, "trust", "show", file, "--json")
    shown = json.loads(out)
    assert shown["state"] == "new" and "CoordAtt" in shown["classes"]
    status, _, said = run(capsys, "trust", "add", file, "--sha256", "0" * 64)
    assert status == 1 and shown["sha256"] in said and trusted() == ()
    status, out, _ = run(capsys, "trust", "add", file, "--sha256", shown["sha256"], "--json")
    assert (status, json.loads(out)["state"]) == (0, "trusted")
    status, out, _ = run(capsys, "trust", "add", file)  # nothing to ask about any more
    assert status == 0


def test_list_and_remove(file: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    assert run(capsys, "trust", "list")[1] == "No modules are trusted.\n"
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    run(capsys, "trust", "add", file, "--as", "ours.blocks")
    status, out, _ = run(capsys, "trust", "list")
    assert status == 0 and "ours.blocks" in out and str(file) in out and "  trusted\n" in out
    file.write_text(f"{file.read_text('utf-8')}#\n", "utf-8")
    assert "has changed" in run(capsys, "trust", "list")[1]
    assert json.loads(run(capsys, "trust", "list", "--json")[1])["modules"][0]["name"]
    assert run(capsys, "trust", "remove", "ours.blocks")[0] == 0
    assert trusted() == ()
    status, _, said = run(capsys, "trust", "remove", "ours.blocks")
    assert status == 1 and len(said.splitlines()) == 1


@pytest.mark.parametrize("words", [["add"], ["show"], ["remove"]])
def test_without_a_module(words, capsys) -> None:
    status, _, said = run(capsys, "trust", *words)
    assert status == 1 and "needs a module" in said


def test_results_name_the_module(file: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    path, small = described(tmp_path), tmp_path / "small.pt"
    status, _, said = run(capsys, "inspect", path)
    assert status == 1 and "secateur trust add FILE" in said
    assert run(capsys, "trust", "add", file)[0] == 0
    assert "needs mine.py (mine.CoordAtt, mine.HSwish)" in run(capsys, "inspect", path)[1]
    model = json.loads(run(capsys, "inspect", path, "--json")[1])["model"]
    assert model["modules"][0]["classes"] == ["mine.CoordAtt", "mine.HSwish"]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"version": 1, "selection": [{"block": 1, "ratio": 0.5}]}), "utf-8")
    status, out, _ = run(capsys, "prune", path, "--plan", plan, "-o", small)
    assert status == 0 and "The pruned file needs mine.py (mine.CoordAtt, mine.HSwish)" in out
    status, out, _ = run(capsys, "prune", path, "--plan", plan, "-o", small, "--json")
    assert json.loads(out)["modules"][0]["file"] == str(file)
    run(capsys, "trust", "remove", "mine")
    status, _, said = run(capsys, "inspect", small)  # its analysis is in the cache
    assert status == 1 and "mine.CoordAtt" in said
