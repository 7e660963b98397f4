"""A report holds what the project holds, loads nothing, and says what is not there."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

import core
from core.checkpoint import save
from core.cli import main
from core.errors import UserError
from core.files import sha256_of
from core.project import ModelReference, Project, Result, write_project
from core.report import build_report, draw, write_report

from .networks import network


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    save(network("yolov8n"), folder / "a<b>.pt", train_args={"imgsz": 640})
    plan = core.Plan(selection=({"block": 5, "ratio": 0.5},))
    loaded = core.load(folder / "a<b>.pt")
    done = core.prune(loaded, plan, folder / "small.pt")
    before, after = done.prediction.before, done.prediction.after
    result = Result(
        output="small.pt",
        date="2026-01-01",
        parameters_before=before.parameters,
        parameters_after=after.parameters,
        macs_before=before.macs,
        macs_after=after.macs,
        relative_error=done.verification.relative_error,
        plan=plan.to_json(),
    )
    reference = ModelReference(path="a<b>.pt", sha256=loaded.facts.sha256)
    write_project(folder / "p.secateur", Project(model=reference, plan=plan, results=(result,)))
    return folder / "p.secateur"


def test_the_widths_are_those_of_the_pruned_network(project):
    report = build_report(project)
    small = core.analyse(project.parent / "small.pt").table
    assert [b["after"] for b in report["blocks"]] == [b.out_channels for b in small.blocks]
    assert report["results"][0]["sha256"] == sha256_of(project.parent / "small.pt")
    ElementTree.fromstring(draw(report["blocks"], "after"))


def test_the_page_loads_nothing_and_escapes_names(project, tmp_path):
    text = write_report(project, tmp_path / "r.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"|url\(([^)]*)\)|@import', text)
    assert links == [("data:,", "")]
    assert "<script" not in text and "a<b>" not in text and "a&lt;b&gt;.pt" in text
    report = build_report(project)
    assert report["model"]["sha256"] in text and report["results"][0]["sha256"] in text
    assert text.count("<svg") == 2


def test_the_other_kinds_and_the_command(project, tmp_path, capsys):
    assert main(["report", str(project), "-o", str(tmp_path / "r.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"output": str(tmp_path / "r.json")}
    assert json.loads((tmp_path / "r.json").read_text()) == build_report(project)
    text = write_report(project, tmp_path / "r.md").read_text()
    plan = core.parse_plan(json.loads(re.search(r"```json\n(.*?)```", text, re.S)[1]))
    assert core.prune(core.load(project.parent / "a<b>.pt"), plan).plan.model_sha256
    assert main(["report", str(project), "-o", str(tmp_path / "r.pdf")]) == 1
    assert "is no report" in capsys.readouterr().err


def test_files_that_moved_are_one_clear_message(project, tmp_path):
    other = tmp_path / "p.secateur"
    other.write_bytes(project.read_bytes())
    with pytest.raises(UserError, match=r"is not at .* any more"):
        write_report(other, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
    (tmp_path / "a<b>.pt").write_bytes((project.parent / "a<b>.pt").read_bytes())
    text = write_report(other, tmp_path / "r.html").read_text()
    assert "the file is not there" in text and text.count("<svg") == 1
    (tmp_path / "a<b>.pt").write_bytes((project.parent / "small.pt").read_bytes())
    with pytest.raises(UserError, match="another file than the project"):
        build_report(other)
