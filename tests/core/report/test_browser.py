"""The report opens in a browser: no network request, nothing on the console."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import core
from core.project import DataSetting, ModelReference, Project, write_project
from core.report import ReportSettings, build_report, open_project, write_report
from core.report.measuring import project_data
from core.report.wanted import Measuring
from tests.core.report import browser
from tests.core.report.conftest import add_tuning, result_of


def colours(picture):
    """Return how many different colours a picture has, and its corner's brightness."""
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(np.int64)
    packed = pixels @ np.array([65536, 256, 1])
    return len(np.unique(packed)), float(pixels[2, 2].mean())


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser.opened(tmp_path_factory.mktemp("browser")) as chromium:
        yield chromium


def test_the_check_sees_requests_and_console_errors(chromium, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!DOCTYPE html><html><head><link rel=icon href='data:,'></head><body>"
        "<img src='http://127.0.0.1:9/x.png'><script>console.error('oh no')</script></body></html>"
    )
    seen = browser.visit(chromium, bad)
    assert seen.requests == ["http://127.0.0.1:9/x.png"]
    assert any("oh no" in line for line in seen.console)


@pytest.fixture(scope="module")
def real(trained, scenes, tmp_path_factory):
    """A project of a trained YOLOv8n, pruned, with accuracy measured and a fine-tuning."""
    folder = tmp_path_factory.mktemp("real")
    model = folder / trained.name
    model.write_bytes(trained.read_bytes())
    loaded = core.load(model)
    plan = core.Plan(selection=({"block": 21, "ratio": 0.3}, {"block": 8, "ratio": 0.2}))
    done = core.prune(loaded, plan, folder / "small.pt")
    (folder / "tuned.pt").write_bytes((folder / "small.pt").read_bytes())
    add_tuning(folder / "p.jobs", folder / "small.pt", folder / "tuned.pt")
    project = Project(
        model=ModelReference(path=model.name, sha256=loaded.facts.sha256, family="yolov8n"),
        plan=plan,
        results=(result_of(done, "small.pt", plan),),
        data=DataSetting(path=str(scenes), image_size=160),
    )
    write_project(folder / "p.secateur", project)
    opened = open_project(folder / "p.secateur")
    data = replace(project_data(opened), images=8, device="cpu")
    settings = ReportSettings(Measuring(("accuracy",), data))
    assert build_report(opened, settings)["samples"]
    return opened


@pytest.fixture(scope="module")
def page(real, tmp_path_factory):
    return write_report(real, tmp_path_factory.mktemp("page") / "report.html").path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_report_of_the_real_network_opens_silently(chromium, page, tmp_path, dark):
    assert page.stat().st_size < 2_000_000
    picture = tmp_path / "page.png"
    seen = browser.visit(chromium, page, dark=dark, picture=picture)
    assert seen.requests == [] and seen.console == []
    assert seen.width <= 1300 and seen.height > 3000  # nothing sticks out; all sections are there
    assert seen.narrow <= 390
    count, corner = colours(picture)
    assert count > 1000  # photographs and drawings are there
    assert (corner < 60) == dark
