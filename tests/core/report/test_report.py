"""A report holds what is known, loads nothing, and reports what is missing."""

from __future__ import annotations

import json
import re
import shutil
from xml.etree import ElementTree

import pytest

import core
from core.cli.main import main
from core.engine.tasks import find_task
from core.errors import UserError
from core.graph.cache import cache_path
from core.project import Tuned, project_json, read_project, write_project
from core.report import ReportSettings, build_report, open_project, write_report
from core.report.graph import draw
from core.report.wanted import Measuring
from core.system.files import sha256_of
from core.system.journal import Journal
from tests.core.report.conftest import add_tuning


def change(project, **update):
    write_project(project, read_project(project).model_copy(update=update))


def page(project, tmp_path, settings=None):
    return write_report(project, tmp_path / "r.html", settings).path.read_text(encoding="utf-8")


def section(text, name):
    """Return one section of a page."""
    return text.split(f'<h2 id="{name}">')[1].split("<h2 id=")[0]


# ---- what it holds ------------------------------------------------------------------------------


def test_the_widths_are_those_of_the_pruned_network(project):
    report = build_report(project)
    small = core.analyse(project.parent / "small.pt").table
    assert [b["after"] for b in report["blocks"]] == [b.out_channels for b in small.blocks]
    assert report["results"][0]["sha256"] == sha256_of(project.parent / "small.pt")
    assert [n["role"] for n in report["networks"]] == ["original", "pruned"]
    roles = {b["index"]: b["role"] for b in report["blocks"]}
    assert roles[5] == "gives" and roles[6] == "follows" and roles[3] == ""
    conflict = next(c for c in report["conflicts"] if c["layer"] == "model.6.cv1.conv")
    assert "reads model.5.conv" in conflict["reason"]
    assert {layer["name"] for layer in report["layers"]} >= {"model.5.conv", "model.6.cv1.conv"}
    assert "Selected: block 5 (50%)." in report["plan_words"]
    assert "Locked: block 2." in report["plan_words"]
    assert report["notes"] == []


@pytest.mark.parametrize("side", ["before", "after"])
def test_the_drawing_is_whole_and_names_every_block(project, side):
    report = build_report(project)
    table = core.analyse(project.parent / "a<b>.pt").table
    svg = ElementTree.fromstring(draw(table, report["blocks"], side))
    titles = [title.text for title in svg.iter("title")]
    assert len(titles) == len(table.blocks)
    words = " ".join("".join(text.itertext()) for text in svg.iter("text"))
    assert ("64 of 128 channels" in words) == (side == "after")


def test_the_page_loads_nothing_and_escapes_names(tuned, tmp_path):
    text = page(tuned, tmp_path)
    loading = r'(?:src|href|data|action)\s*=\s*"([^"]*)"|url\(([^)]*)\)|(@import)'
    for whole in re.finditer(rf"<(\w+)[^>]*?{loading}", text):
        tag, link = whole[1], whole[2]
        if tag != "a":  # nothing is fetched for a link until somebody follows it
            assert link.startswith(("data:", "#")), whole[0]
    assert "<script" not in text and "javascript:" not in text
    assert "a<b>" not in text and "a&lt;b&gt;.pt" in text
    assert str(tuned.parent) not in text  # no places on this machine
    report = build_report(tuned)
    for one in report["networks"]:
        assert one["sha256"] in text
    assert text.count('<svg class="graph"') == 2


def test_sections_without_anything_say_how_to_get_it(project, tmp_path):
    text = page(project, tmp_path)
    for name, command in (
        ("accuracy", "--measure accuracy"),
        ("latency", "--measure latency"),
        ("instead", "--measure alternatives"),
        ("training", "secateur finetune small.pt"),
        ("sensitivity", "secateur sensitivity"),
        ("samples", "--measure accuracy"),
    ):
        assert command in section(text, name), name
    assert "secateur prune &#39;a&lt;b&gt;.pt&#39; --plan plan.json" in section(text, "replay")


def test_a_project_that_pruned_nothing_is_reported_too(own, tmp_path):
    change(own, results=())
    report = build_report(own)
    assert report["shown"] == report["networks"] and report["conflicts"] == []
    assert {block["after"] for block in report["blocks"]} == {None}
    text = page(own, tmp_path)
    assert "Nothing has been pruned yet" in text and text.count('<svg class="graph"') == 1
    kinds = [row["kind"] for row in report["alternatives"]["rows"]]
    assert kinds[0] == "original" and {"resolution", "stock"} <= set(kinds)


def test_a_tuning_shows_its_curves_and_its_file(tuned, tmp_path):
    report = build_report(tuned)
    assert [n["role"] for n in report["shown"]] == ["original", "pruned", "tuned"]
    last = report["networks"][-1]
    assert last["name"] == "tuned.pt" and last["parameters"] == 1234
    assert last["macs"] == report["networks"][1]["macs"]
    (training,) = report["trainings"]
    assert training["baseline"] == 0.125
    assert training["metrics"]["mAP50-95"] == {"x": [1.0, 2.0], "y": [0.25, 0.25]}
    assert training["losses"]["box"]["y"] == [3.0, 1.5]
    shown = section(page(tuned, tmp_path), "training")
    assert shown.count('<svg class="chart"') == 3
    assert "0.1250" in shown and "0.2500" in shown and "before 0.125" in shown


def test_a_tuning_of_another_file_is_not_taken_for_one_of_these(own, tmp_path):
    other = tmp_path / "other.pt"
    other.write_bytes((own.parent / "small.pt").read_bytes() + b" ")
    add_tuning(own.with_suffix(".jobs"), other, own.parent / "small.pt")
    assert build_report(own)["trainings"] == []


def test_a_scan_shows_the_shares_of_the_right_model(own, tmp_path):
    sha256 = read_project(own).model.sha256
    with Journal(own.parent / "scan.jsonl", "sensitivity") as journal:
        for key, model, share in (("x", "another", 0.1), ("y", sha256, 0.75)):
            journal.append({"scan": key, "settings": {"model": model, "images": 7}})
            journal.append({"scan": key, "block": None, "ratio": None, "map50_95": 0.4})
            point = {"block": 4, "ratio": 0.5, "map50_95": 0.4 * share, "share": share}
            journal.append({"scan": key, **point})
    change(own, sensitivity="scan.jsonl")
    found = build_report(own)["sensitivity"]
    assert found["blocks"] == [{"block": 4, "shares": [0.75]}]
    assert (found["ratios"], found["baseline"], found["images"]) == ([0.5], 0.4, 7)
    assert "75.0%" in section(page(own, tmp_path), "sensitivity")


def test_the_steps_tried_are_those_of_the_last_run(own, tmp_path):
    (own.parent / "s").mkdir()
    with Journal(own.parent / "s" / "steps.jsonl", "steps") as journal:
        for run, share in (("old", 0.1), ("new", 0.987)):
            step = {"step": 1, "block": 4, "ratio": 0.5, "map50_95": 0.4, "share": share}
            journal.append({"run": run, **step, "accepted": True, "note": "<kept>"})
    change(own, steps="s")
    assert [step["share"] for step in build_report(own)["steps"]] == [0.987]
    assert "98.7%" in section(page(own, tmp_path), "plan") and "&lt;kept&gt;" in section(
        page(own, tmp_path), "plan"
    )


# ---- the other kinds, and the command -----------------------------------------------------------


def test_the_other_kinds_and_the_command(tuned, tmp_path, capsys):
    target = tmp_path / "r.json"
    assert main(["report", str(tuned), "-o", str(target), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"output": str(target), "notes": []}
    written, built = json.loads(target.read_text()), build_report(tuned)
    assert {**written, "made": ""} == {**built, "made": ""}
    text = write_report(tuned, tmp_path / "r.md").path.read_text()
    plan = core.parse_plan(json.loads(re.search(r"```json\n(.*?)```", text, re.S)[1]))
    model = core.load(tuned.parent / "a<b>.pt")
    assert core.prune(model, plan).plan.model_sha256 == model.facts.sha256
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|"), line


def test_what_the_replay_says_makes_the_same_network_again(own, tmp_path, capsys, monkeypatch):
    import shlex

    from core.ship.replay import weights_sha256

    monkeypatch.chdir(own.parent)
    for command in build_report(own)["replay"]:
        assert main(shlex.split(command)[1:]) == 0
    again, first = core.load("again.pt"), core.load("small.pt")
    assert weights_sha256(again.model) == weights_sha256(first.model)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "r.pdf"], "is not a report"),
        (["-o", "no/such/r.html"], "does not exist"),
        (["-o", "folder.html", "--measure", "accuracy"], "is a folder"),
        (["-o", "r.html", "--measure", "beauty"], "does not support measuring “beauty”"),
        (["-o", "r.html", "--measure", "accuracy", "--data", "none.yaml"], "none.yaml"),
        (
            ["-o", "r.html", "--measure", "alternatives", "--against", "no.pt"],
            "no.pt does not exist",
        ),
    ],
)
def test_bad_input_is_one_clear_sentence(own, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(own.parent)
    (own.parent / "folder.html").mkdir(exist_ok=True)
    before = sorted(path.name for path in own.parent.iterdir())
    assert main(["report", str(own), *arguments]) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and "Traceback" not in said
    assert sorted(path.name for path in own.parent.iterdir()) == before


def test_the_job_reports_on_a_project_that_was_not_saved(own, tmp_path):
    class Models:
        pass

    project = read_project(own)
    elsewhere = tmp_path / "elsewhere.measured.jsonl"
    sha256 = project.model.sha256
    figures = {"sha256": sha256, "figures": {"map50_95": 0.125}, "classes": {}, "images": 3}
    record = {"measured": "accuracy", "date": "2026-03-01T10:00:00+00:00", "models": [sha256]}
    with Journal(elsewhere, "measured") as journal:  # as version 0.1 kept it
        journal.append({**record, "result": {"models": [figures], "images": []}})
    own.unlink()
    args = {
        "project": project_json(project),
        "place": str(own),
        "output": str(tmp_path / "r.html"),
        "stores": [str(own.with_suffix(".measured.jsonl")), str(elsewhere)],
        "jobs": [],
    }
    told = []
    result = find_task("report")(Models(), args, lambda share, text: told.append(share))
    assert result == {"output": str(tmp_path / "r.html"), "notes": []}
    assert "0.1250" in section((tmp_path / "r.html").read_text(), "accuracy")
    assert told == sorted(told) and told[-1] == 1.0
    with pytest.raises(UserError, match="damaged"):
        find_task("report")(
            Models(), {**args, "project": {"version": 2, "plan": 3}}, lambda *_: None
        )


# ---- files that moved ---------------------------------------------------------------------------


def test_a_model_that_moved_is_one_sentence_and_the_rest_is_made(tuned, tmp_path, capsys):
    (tuned.parent / "a<b>.pt").unlink()
    assert main(["report", str(tuned), "-o", str(tmp_path / "r.html")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and "is no longer at" in said[0]
    text = (tmp_path / "r.html").read_text()
    assert text.count('class="callout"') == 1
    assert text.count('<svg class="graph"') == 2  # it was analysed here before
    assert section(text, "training").count('<svg class="chart"') == 3
    assert read_project(tuned).model.sha256 in section(text, "versions")
    with pytest.raises(UserError, match="needs the model of the project"):
        build_report(tuned, ReportSettings(Measuring(("latency",))))


def test_a_model_that_was_never_analysed_and_moved_still_gives_a_report(own, tmp_path):
    (own.parent / "a<b>.pt").unlink()
    stored = cache_path(read_project(own).model.sha256)
    content = stored.read_bytes()
    stored.unlink()
    try:
        text = page(own, tmp_path)
    finally:
        stored.write_bytes(content)
    assert "cannot be drawn" in text and '<svg class="graph"' not in text
    result = read_project(own).results[0]
    assert build_report(own)["networks"][1]["parameters"] == result.parameters_after


def test_another_file_in_the_models_place_is_told(own, tmp_path):
    (own.parent / "a<b>.pt").write_bytes((own.parent / "small.pt").read_bytes())
    text = page(own, tmp_path)
    assert "is not the file that the project was made for" in text
    assert text.count('class="callout"') == 1 and text.count('<svg class="graph"') == 2


def test_a_pruned_file_that_moved_keeps_its_figures(own, tmp_path):
    (own.parent / "small.pt").unlink()
    report = build_report(own)
    assert [note["message"] for note in report["notes"]] == [
        f"The pruned file small.pt is no longer at {own.parent / 'small.pt'}."
    ]
    pruned = report["networks"][1]
    assert pruned["sha256"] is None and pruned["macs"] == read_project(own).results[0].macs_after
    text = page(own, tmp_path)
    assert "(missing)" in text and text.count('<svg class="graph"') == 1


def test_a_tuned_file_that_only_the_project_remembers_is_in_the_report(tuned, tmp_path):
    kept = Tuned(output="tuned.pt", source="small.pt", parameters=1234)
    change(tuned, tuned=(kept,))
    assert len(build_report(tuned)["networks"]) == 3  # told by the job as well, and once here
    shutil.rmtree(tuned.with_suffix(".jobs"))
    report = build_report(tuned)
    assert [network["role"] for network in report["networks"]] == ["original", "pruned", "tuned"]
    assert report["networks"][2]["sha256"] == sha256_of(tuned.parent / "tuned.pt")
    assert report["trainings"] == []
    assert "tuned.pt" in page(tuned, tmp_path)


@pytest.mark.parametrize("field", ["sensitivity", "steps"])
def test_a_scan_or_a_run_that_moved_is_told(own, field):
    change(own, **{field: "gone"})
    report = build_report(own)
    assert len(report["notes"]) == 1 and "gone" in report["notes"][0]["message"]
    assert not report[field]


def test_a_project_without_a_model_is_refused(own, tmp_path):
    change(own, model=None)
    with pytest.raises(UserError, match="has no model"):
        write_report(own, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_the_project_and_its_files_are_not_written_to(tuned, tmp_path):
    before = {p: p.read_bytes() for p in tuned.parent.rglob("*") if p.is_file()}
    write_report(open_project(tuned), tmp_path / "r.html")
    assert {p: p.read_bytes() for p in tuned.parent.rglob("*") if p.is_file()} == before
