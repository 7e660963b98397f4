"""The Python lines of the documents on export, replay, latency and reports do what they say."""

from __future__ import annotations

import ast
import copy
import json
from pathlib import Path

import pytest

import core
from core.checkpoint import save
from core.project import ModelReference, Project, write_project
from core.ship.export.formats import FORMATS
from tests.core.documents import Example, examples, run
from tests.core.networks import network
from tests.core.report.conftest import result_of

DOCS = Path(__file__).resolve().parents[3] / "docs"
SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the lines name."""
    folder = tmp_path_factory.mktemp("documents")
    save(copy.deepcopy(network("yolov8n")), folder / "yolov8n.pt", train_args={"imgsz": SIZE})
    loaded = core.load(folder / "yolov8n.pt")
    plan = core.Plan(selection=({"block": 5, "ratio": 0.5},), model_sha256=loaded.facts.sha256)
    done = core.prune(loaded, plan, folder / "small.pt")
    (folder / "replay.json").write_text(json.dumps(plan.to_json()))
    result = result_of(done, "small.pt", plan)
    reference = ModelReference(path="yolov8n.pt", sha256=loaded.facts.sha256, family="yolov8n")
    write_project(
        folder / "project.secateur", Project(model=reference, plan=plan, results=(result,))
    )
    return folder


def lines(name):
    """The Python examples of a document, on small images."""
    found = [example.code for example in examples((DOCS / name).read_text()) if example.python]
    return [code.replace("image_size=320", f"image_size={SIZE}") for code in found]


def needs_onnx():
    problem = FORMATS["onnx"].missing()
    if problem is not None:
        pytest.skip(str(problem))


def test_export_and_replay(folder, warm):
    needs_onnx()
    exporting, replaying = lines("export.md")
    passed, error, size = run(Example(exporting, (), python=True), folder, warm).split()
    assert passed == "True" and float(error) <= 1e-4
    assert int(size) == (folder / "small.onnx").stat().st_size
    assert run(Example(replaying, (), python=True), folder, warm) == "True"


def test_latency(folder, warm):
    needs_onnx()
    measuring, predicting = lines("latency.md")
    *rows, missing = run(Example(measuring, (), python=True), folder, warm).splitlines()
    assert missing == "()"
    assert [row.split()[:2] for row in rows] == [
        [model, runtime] for runtime in ("torch", "onnx") for model in ("yolov8n.pt", "small.pt")
    ]
    assert [row.endswith("None") for row in rows] == [True, False] * 2
    step, told = run(Example(predicting, (), python=True), folder, warm).splitlines()
    whole, planned = ast.literal_eval(told)
    assert int(step) >= 1
    assert whole > 0 and planned > 0


def test_report(folder, warm):
    (code,) = lines("report.md")
    first, second = run(Example(code, (), python=True), folder, warm).splitlines()
    assert first.startswith("yolov8n [") and second.startswith("report.html ")
    assert "<svg" in (folder / "report.html").read_text()
