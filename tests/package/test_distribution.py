"""The wheel and the sdist: what is in them, what they ask for, and the wheel running without Qt."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from core.system.versions import SECATEUR

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "core", "resources")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache", ".hypothesis")
GROWN = {".git", ".venv", ".venv-compat", "build", "dist", "site", "runs", "demo-output"}
"""What is in a working tree and not in a clone."""
WITHOUT_QT = """
import runpy, sys
for name in ("PySide6", "shiboken6", "pyqtgraph"):
    sys.modules[name] = None
sys.argv = ["secateur", *sys.argv[1:]]
runpy.run_module("app", run_name="__main__", alter_sys=True)
"""


def run(*command: object, **options) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The sdist of a copy of the source, and the wheel that is built from the sdist."""
    pytest.importorskip("build", reason="needs build (make setup)")
    place = tmp_path_factory.mktemp("distribution")
    source = place / "source"
    source.mkdir()
    for path in ROOT.iterdir():
        if path.name in GROWN or path.name.endswith(("_cache", ".egg-info")):
            continue
        if path.is_dir():
            shutil.copytree(path, source / path.name, ignore=LEFT_OUT)
        else:
            shutil.copy(path, source)
    run(sys.executable, "-m", "build", "--no-isolation", "-o", place / "dist", source)
    shutil.rmtree(source)
    return place / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    (found,) = built.glob("*.tar.gz")
    return found


def tree(*folders: str) -> set[str]:
    """Files of the source below some folders."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return {
        path.relative_to(ROOT).as_posix()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts and ".hypothesis" not in path.parts
    }


def test_the_wheel_has_the_packages_whole_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    about = {name for name in names if name.startswith(f"secateur-{SECATEUR}.dist-info/")}
    assert names - about == tree(*PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert f"secateur-{SECATEUR}.dist-info/licenses/LICENSE" in about


def test_the_sdist_has_documents_tests_and_tools_too(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = tree(*PACKAGES, "docs", "scripts", "tests", "typings")
    needed |= {path.name for path in ROOT.glob("*.md")}
    needed |= {"Makefile", "build.spec", "mkdocs.yml", "CITATION.cff", "pyproject.toml", "LICENSE"}
    assert needed <= names, needed - names
    strange = [name for name in names if ".git/" in name or name.endswith((".pyc", ".so"))]
    assert strange == []


def test_the_window_is_an_extra(wheel: Path) -> None:
    about = zipfile.ZipFile(wheel).read(f"secateur-{SECATEUR}.dist-info/METADATA").decode()
    facts = HeaderParser().parsestr(about)
    assert facts["Version"] == SECATEUR
    assert {"gui", "export", "cluster", "docs", "dev"} <= set(facts.get_all("Provides-Extra"))
    asked = [Requirement(text) for text in facts.get_all("Requires-Dist")]
    bare = {each.name for each in asked if each.marker is None}
    assert {"torch", "ultralytics"} <= bare
    gui = {each.name for each in asked if each.marker and each.marker.evaluate({"extra": "gui"})}
    assert {"PySide6-Essentials", "pyqtgraph"} == gui - bare and not bare & {"PySide6", "pyqtgraph"}


def test_an_index_takes_them(built: Path) -> None:
    pytest.importorskip("twine", reason="needs twine (make setup)")
    files = sorted(built.iterdir())
    said = run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *files)
    assert said.count("PASSED") == len(files) == 2


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory) -> Path:
    """The wheel in a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    run(*pip, "--no-compile", "--target", target, wheel)
    return target


def without_qt(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the program as it was installed, where no Qt can be imported."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "DISPLAY": ":0"}
    return subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_QT, *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_commands_need_no_qt(installed: Path, tmp_path: Path) -> None:
    done = without_qt(installed, tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"secateur {SECATEUR}\n")
    model = installed / "resources" / "demo" / "demo.pt"
    plan = tmp_path / "plan.json"
    plan.write_text('{"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}', "utf-8")
    words = ("prune", str(model), "--plan", str(plan), "-o", "small.pt", "--json")
    done = without_qt(installed, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verification"]["passed"] is True


@pytest.mark.parametrize("words", [(), ("model.pt",), ("--self-test",)])
def test_the_window_says_how_to_install_it(words, installed: Path, tmp_path: Path) -> None:
    done = without_qt(installed, tmp_path, *words)
    assert done.returncode == 1 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("secateur: The window needs PySide6 and pyqtgraph")
    assert "pip install 'secateur[gui]'" in line and "secateur --help" in line


def test_the_command_of_the_wheel_is_the_program(wheel: Path) -> None:
    points = zipfile.ZipFile(wheel).read(f"secateur-{SECATEUR}.dist-info/entry_points.txt")
    assert points.decode().split() == ["[console_scripts]", "secateur", "=", "app.__main__:main"]


def test_the_packaged_program_has_the_window(installed: Path) -> None:
    """By what the wheel asks for, whatever asked for it when this environment was made."""
    code = "from scripts.bundle import contents; print(*contents.distributions())"
    path = os.pathsep.join([str(installed), str(ROOT)])
    said = run(sys.executable, "-P", "-c", code, env={**os.environ, "PYTHONPATH": path})
    assert {"pyside6-essentials", "pyqtgraph", "onnx", "torch", "optuna"} <= set(said.split())
    assert not {"pytest", "mkdocs", "twine", "build"} & set(said.split())
