"""The notebook prints what it shows; and what else it prints is found."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from scripts import notebook
from scripts.notebook import code_cells, differences, fill, printed, run, varies

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_whole(path: Path) -> None:
    """What nbformat's schema of version 4.5 requires."""
    known = read(path)
    assert (known["nbformat"], known["nbformat_minor"]) == (4, 5)
    assert known["metadata"]["language_info"]["name"] == "python"
    ids = [cell["id"] for cell in known["cells"]]
    assert len(set(ids)) == len(ids) and all(0 < len(each) <= 64 for each in ids)
    for cell in known["cells"]:
        assert isinstance(cell["metadata"], dict) and cell["source"]
        extra = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | extra
    assert path.stat().st_size < 50_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_prints_what_it_shows(path: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    known = read(path)
    assert len(code_cells(known)) > 5
    assert differences(known, run(known)) == []


def made(*sources: str, tags: tuple[str, ...] = ()) -> dict:
    cells = [
        {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source.splitlines(True),
         "outputs": [], "execution_count": None}
        for source in sources
    ]  # fmt: skip
    return {"cells": [{"cell_type": "markdown", "source": "# A"}, *cells]}


def test_cells_share_their_names_and_are_filled() -> None:
    book = made("x = 2", "print(x)\nprint('ä')", "x += 1", "print(x)")
    outputs = run(book)
    assert outputs == ["", "2\nä\n", "", "3\n"]
    assert len(differences(book, outputs)) == 2
    fill(book, outputs)
    assert differences(book, outputs) == []
    assert [printed(cell) for cell in code_cells(book)] == outputs


@pytest.mark.parametrize(
    ("now", "tags", "differs"),
    [("2\n", (), True), ("", (), True), ("1\n", (), False),
     ("2\n", ("varies",), False), ("", ("varies",), True)],
)  # fmt: skip
def test_another_output_is_found(now, tags, differs) -> None:
    book = made("print(1)", tags=tags)
    fill(book, ["1\n"])
    assert bool(tags) == varies(code_cells(book)[0])
    assert bool(differences(copy.deepcopy(book), [now])) == differs


def test_the_script_writes_outputs_and_then_finds_none_missing(tmp_path, monkeypatch, capsys):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(made("print(6 * 7)")), "utf-8")
    monkeypatch.setattr("sys.argv", ["notebook.py", str(path), "--check"])
    assert notebook.main() == 1 and "42" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["notebook.py", str(path)])
    assert notebook.main() == 0 and printed(code_cells(read(path))[0]) == "42\n"
    monkeypatch.setattr("sys.argv", ["notebook.py", str(path), "--check"])
    assert notebook.main() == 0


def test_an_error_in_a_cell_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        run(made("1 / 0"))
