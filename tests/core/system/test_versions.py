"""What is said about libraries outside the tested range."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core.cli.main import main
from core.engine import server
from core.system import versions
from core.system.versions import TESTED, numbers, outside

ROOT = Path(__file__).parents[3]


def test_the_range_is_what_the_package_asks_for() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for name, (first, end) in TESTED.items():
        assert f"{name}>={first},<{end}" in asked


@pytest.mark.parametrize(
    ("installed", "named"),
    [
        ({"torch": "2.15.0+cu132", "ultralytics": "8.4.190"}, []),
        ({"torch": "2.4.1", "ultralytics": "8.4.190"}, ["torch 2.4.1"]),
        ({"torch": "2.16.0", "ultralytics": "8.3.40"}, ["torch 2.16.0", "ultralytics 8.3.40"]),
        ({"ultralytics": "8.4.149"}, ["ultralytics 8.4.149"]),
        ({"ultralytics": "8.4.150"}, []),
        ({"ultralytics": "8.5.0"}, ["ultralytics 8.5.0"]),
        ({"torch": "strange"}, ["torch strange"]),
        ({}, []),
    ],
)
def test_what_is_outside_is_named(installed, named) -> None:
    text = outside(installed)
    assert bool(text) == bool(named) and "\n" not in text
    assert all(name in text for name in named)
    assert ("pip install" in text) == bool(named)


def test_versions_compare_by_number() -> None:
    assert numbers("2.15.0+cu132") == (2, 15, 0) and numbers("8.4.9") < numbers("8.4.10")


def test_a_command_says_so_and_goes_on(monkeypatch, capsys) -> None:
    monkeypatch.setattr(versions, "_installed", lambda: {"torch": "2.4.1"})
    assert main(["formats"]) == 0
    assert "torch 2.4.1 (tested: 2.8 up to" in capsys.readouterr().err


def test_the_engine_says_so_once_it_is_ready(monkeypatch) -> None:
    assert server._libraries()["untested"] == outside()
    monkeypatch.setattr(versions, "_installed", lambda: {"ultralytics": "8.6.2"})
    assert "ultralytics 8.6.2 (tested: 8.4.150 up to" in server._libraries()["untested"]
