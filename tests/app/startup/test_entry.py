"""The program's first word: a command, or a file to open."""

import pytest

from app import __main__ as entry
from app.__main__ import COMMANDS
from core.cli.main import build_parser


def test_every_command_of_the_command_line_is_one_of_the_program():
    (commands,) = (a for a in build_parser()._actions if a.dest == "command")
    assert {*commands.choices, "engine"} <= set(COMMANDS)


@pytest.mark.parametrize(
    ("word", "hint"),
    [("prun", "Did you mean “prune”? "), ("arguements", "“arguments”"), ("zzz", "")],
)
def test_a_slip_in_a_command_opens_no_window(word, hint, capsys, monkeypatch):
    monkeypatch.setattr(entry, "_window", lambda arguments: pytest.fail("a window"))
    assert entry.main([word, "yolov8n.pt"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"no command and no file “{word}”" in line
    assert hint in line


def test_what_may_be_a_file_is_left_to_the_window(tmp_path, monkeypatch):
    """A file that has gone is said in the window, to a person who has no terminal."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    for word in ("models", "gone.pt", "gone/weights", "/gone"):
        assert entry.unknown_word(word) is None
