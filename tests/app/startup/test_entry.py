"""The program's first word: a command, or a file to open."""

import subprocess
import sys
from pathlib import Path

import pytest

from app import __main__ as entry
from core.cli.main import build_parser

ROOT = Path(__file__).resolve().parents[3]
STARTS = """
import sys
from app import __main__ as entry
entry._window = lambda arguments: print("window", *arguments)
entry.main(sys.argv[1:])
print(sorted(name for name in sys.modules if name.startswith("core.cli")), "torch" in sys.modules)
"""


def test_every_command_of_the_command_line_is_one_of_the_program(monkeypatch):
    (commands,) = (a for a in build_parser()._actions if a.dest == "command")
    assert len(commands.choices) > 20
    monkeypatch.setattr(entry, "_window", lambda arguments: pytest.fail("a window"))
    monkeypatch.setattr(entry, "_command_line", lambda arguments: arguments[0])
    for name in commands.choices:
        assert entry.unknown_word(name) is None
        assert entry.main([name]) == name


def test_usage_has_both_a_file_and_a_command():
    usage = build_parser().format_usage()
    assert "secateur [FILE]\n" in usage and "secateur COMMAND ..." in usage
    (commands,) = (a for a in build_parser()._actions if a.dest == "command")
    for name, parser in commands.choices.items():
        assert parser.prog == f"secateur {name}"


@pytest.mark.parametrize("words", [["model.pt"], ["a/folder", "b.pt"], []])
def test_the_window_starts_without_any_command(words):
    command = [sys.executable, "-c", STARTS, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == [" ".join(["window", *words]), "[] False"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [("prun", "Did you mean “prune”? "), ("arguements", "“arguments”"), ("zzz", "")],
)
def test_a_slip_in_a_command_opens_no_window(word, hint, capsys, monkeypatch):
    monkeypatch.setattr(entry, "_window", lambda arguments: pytest.fail("a window"))
    assert entry.main([word, "yolov8n.pt"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"Unknown command or file: “{word}”" in line
    assert hint in line


def test_what_may_be_a_file_is_left_to_the_window(tmp_path, monkeypatch):
    """A file that has gone is said in the window, to the user who has no terminal."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for word in ("models", "gone.pt", "gone/weights", "/gone"):
        assert entry.unknown_word(word) is None


@pytest.mark.parametrize(
    ("blocked", "named"),
    [
        (["PySide6.QtWidgets"], "PySide6"),  # a folder without modules, left by pip uninstall
        (["pyqtgraph"], "pyqtgraph"),
        (["PySide6.QtWidgets", "pyqtgraph"], "PySide6 and pyqtgraph"),
    ],
)
@pytest.mark.parametrize("words", [[], ["model.pt"], ["--self-test"]])
def test_without_its_libraries_the_window_says_what_to_install(
    blocked, named, words, capsys, monkeypatch
):
    for name in blocked:
        monkeypatch.setitem(sys.modules, name, None)
    assert entry.main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"secateur: The window needs {named}, ")
    assert "pip install 'secateur[gui]'" in line
