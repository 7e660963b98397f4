"""Modules, data and metadata of the packaged program."""

from __future__ import annotations

import importlib.util
import io
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from scripts.bundle import contents

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hidden() -> list[str]:
    return contents.hidden_imports()


def test_all_hidden_imports_can_be_found(hidden) -> None:
    absent = [name for name in hidden if importlib.util.find_spec(name) is None]
    assert not absent
    assert len(hidden) > 300


def test_everything_named_in_a_table_is_collected(hidden) -> None:
    """Commands, features, criteria and repair steps are imported by name."""
    from app.window.feature_table import FEATURES
    from core.cli.commands import GROUPS
    from core.engine.tasks import GROUPS as TASKS
    from core.plan.criteria import CRITERIA
    from core.repair.run import STEPS

    named = {module.__name__ for module in (*GROUPS.values(), *TASKS.values())}
    named |= set(STEPS.values())
    named |= {str(criterion.score).partition(":")[0] for criterion in CRITERIA.values()}
    named |= {feature.__module__ for feature in FEATURES.values()}
    assert named <= set(hidden), named - set(hidden)


def test_all_of_the_program_is_collected(hidden) -> None:
    for package in ("app", "core"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            assert name in hidden


LOADS = """
import sys
import core
core.load(sys.argv[1])
print(*(name for name in sys.modules if name.startswith("ultralytics")), sep="\\n")
"""


def test_every_class_that_checkpoints_name_is_collected(hidden) -> None:
    """The restricted loader looks for them among the modules that are there."""
    from core.checkpoint.scan import scan_pickles

    model = ROOT / "resources" / "demo" / "demo.pt"
    with zipfile.ZipFile(model) as archive:
        (pickle,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
        names = scan_pickles(io.BytesIO(archive.read(pickle)), 1).names
    asked = {name.rpartition(".")[0] for name in names if name.startswith("ultralytics.")}
    assert "ultralytics.nn.modules.block" in asked
    command = [sys.executable, "-c", LOADS, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    present = set(done.stdout.split())
    assert asked <= present
    assert present <= set(hidden) | {"ultralytics"}, present - set(hidden)


def test_nothing_needed_is_excluded(hidden) -> None:
    excluded = contents.excluded()
    for name in (*hidden, "torch", "numpy", "scipy", "cv2", "PIL", "yaml", "google.protobuf"):
        assert not any(name == one or name.startswith(f"{one}.") for one in excluded), name


def test_tools_of_the_tests_are_excluded() -> None:
    assert {"pytest", "mypy", "triton", "PyInstaller", "tkinter"} <= set(contents.excluded())


def test_the_metadata_that_is_asked_for_is_there() -> None:
    """Ultralytics' exporter would else find its requirements missing, and call pip."""
    found = contents.metadata()
    # Of the program itself, installed to be edited, a folder that ends on .egg-info is found first.
    places = {re.split(r"-\d|\.egg-info", place)[0].lower().replace("_", "-") for _, place in found}
    wanted = {"onnx", "onnxslim", "onnxruntime", "ultralytics", "torch", "torchvision", "secateur"}
    assert wanted <= places
    assert {Path(source).name for source, _ in found} >= {"METADATA"}


def test_no_metadata_tells_of_the_building_machine() -> None:
    for source, _ in contents.metadata():
        text = Path(source).read_text("utf-8", errors="replace")
        assert str(ROOT) not in text
        assert str(Path.home()) + "/" not in text
        assert Path(source).name not in ("RECORD", "direct_url.json")


def test_distributions_are_those_that_secateur_asks_for() -> None:
    found = contents.distributions()
    assert {"secateur", "torch", "pyside6-essentials", "onnxruntime", "jinja2"} <= set(found)
    assert not {"pytest", "mypy", "pyinstaller", "triton", "openvino", "polars"} & set(found)
    for name in found:
        assert metadata.version(name)


def test_data_files_are_there() -> None:
    places = {f"{place}/{Path(source).name}" for source, place in contents.data_files()}
    for package in ("app", "core", "resources"):
        for path in (ROOT / package).rglob("*"):
            apart = (
                path.suffix in (".py", ".pyc") or (ROOT / "resources" / "desktop") in path.parents
            )
            if path.is_file() and not apart:
                assert path.relative_to(ROOT).as_posix() in places
    assert {
        "resources/icons/secateur.svg",
        "resources/demo/demo.pt",
        "ultralytics/cfg/default.yaml",
        "ultralytics/cfg/models/v8/yolov8.yaml",
    } <= places


def test_libraries_that_torchvision_opens_by_name_are_there() -> None:
    import torchvision

    folder = Path(torchvision.__file__).parent
    wanted = {path.name for kind in ("so", "pyd", "dll") for path in folder.glob(f"*.{kind}")}
    assert wanted
    found = {Path(source).name for source, place in contents.libraries() if place == "torchvision"}
    assert wanted <= found
