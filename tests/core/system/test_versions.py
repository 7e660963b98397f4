"""What is said about libraries outside the tested range."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from core.choose.score_cache import _code
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


@pytest.mark.parametrize("criterion", ["l2", "random", "bn_scale"])
def test_a_source_tree_that_was_never_installed_ranks_and_prunes(
    criterion, tmp_path, monkeypatch, capsys
) -> None:
    """The version is asked for by caches, records in checkpoints, and more."""
    found = metadata.distribution

    def without_secateur(name: str) -> metadata.Distribution:
        return found("no-such-package" if name == "secateur" else name)

    monkeypatch.setattr(metadata, "distribution", without_secateur)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _code.cache_clear()
    plan = {"version": 1, "criterion": criterion, "selection": [{"block": 5, "ratio": 0.5}]}
    (tmp_path / "plan.json").write_text(json.dumps(plan), "utf-8")
    words = [str(ROOT / "resources/demo/demo.pt"), "--plan", str(tmp_path / "plan.json")]
    assert main(["prune", *words, "-o", str(tmp_path / "small.pt"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verification"]["passed"] is True


def test_one_place_knows_the_version() -> None:
    """Asked of what is installed, it would fail in a source tree, and be that of another one."""
    asked = re.compile(rf"""metadata\.version\(\s*["']secateur|["']{versions.SECATEUR}["']""")
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("app", "core", "resources", "scripts")
        for path in (ROOT / package).rglob("*.py")
        if asked.search(path.read_text("utf-8"))
    }
    assert found == {"core/system/versions.py"}
    assert versions.version_of("secateur") == versions.SECATEUR
    assert versions.version_of("no-such-package") is None
    assert versions.versions_of("secateur", "no-such-package") == {"secateur": versions.SECATEUR}


@pytest.mark.parametrize(
    ("name", "there"),
    [("json", True), ("json.decoder", True), ("no_such_module", False), ("no_such.module", False)],
)
def test_whether_a_module_is_there(name, there) -> None:
    assert versions.has_module(name) is there


@pytest.mark.parametrize("name", ["json", "json.decoder"])
def test_what_is_blocked_is_not_there(name, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "json", None)
    monkeypatch.delitem(sys.modules, "json.decoder", raising=False)
    assert versions.has_module(name) is False
