"""The program's first word: a command, or a file to open."""

from app.__main__ import COMMANDS
from core.cli import build_parser


def test_every_command_of_the_command_line_is_one_of_the_program():
    (commands,) = (a for a in build_parser()._actions if a.dest == "command")
    assert {*commands.choices, "engine"} <= set(COMMANDS)
