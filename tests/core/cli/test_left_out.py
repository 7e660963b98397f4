"""A bad entry of a list of many is left out and named in one line; the rest is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main
from core.history.measurements import keep
from core.history.nodes import add_node
from core.runs.folder import JOB, create_job
from core.runs.queue import queue_file
from core.system.files import write_json
from core.system.journal import Journal

Change = Callable[[dict[str, Any]], Any]
ANY: dict[str, Change] = {
    "a list": lambda data: [data],
    "empty": lambda data: None,
    "another type": lambda data: {**data, "id": 7},
    "a key too many": lambda data: {**data, "more": 1},
    "half a character": lambda data: {**data, "title": "\ud800"},
    "too large a number": lambda data: {**data, "version": 10**30},
}
NODE: dict[str, Change] = {
    "a folder in its id": lambda data: {**data, "id": "../../x"},
    "figures that are words": lambda data: {**data, "figures": {"map50_95": "much"}},
    "figures that are no numbers": lambda data: {**data, "figures": {"map50_95": float("nan")}},
    "details of a wrong type": lambda data: {**data, "details": {"plan": [1]}},
    "a plan that is none": lambda data: {**data, "details": {"plan": {"x": 1}}},
    "an image size that is none": lambda data: {**data, "details": {"image_size": -1}},
}
JOBS: dict[str, Change] = {
    "a result of a wrong type": lambda data: {**data, "result": {"after": 3}},
    "steps of a wrong type": lambda data: {**data, "result": {"steps": [{"step": "x"}]}},
    "a model that is none": lambda data: {**data, "arguments": {"model": {}}},
    "a state that is none": lambda data: {**data, "state": "x"},
}


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue and histories of this test alone."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def shown(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[str, list[str]]:
    """What a command prints, and the lines that name what it left out."""
    assert main(list(map(str, words))) == 0
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert all(line.startswith("secateur: Left out ") for line in lines), lines
    return printed.out, lines


@pytest.mark.parametrize("way", [*ANY, *NODE, "cut short", "not text"])
def test_steps_of_a_history(way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = add_node(tmp_path / "h", "model", "first.pt", title="the first")
    add_node(tmp_path / "h", "prune", "second.pt", parent=first.id, title="the second")
    third = add_node(tmp_path / "h", "prune", "third.pt", parent=first.id, title="the third")
    spoil(tmp_path / "h" / f"{third.id}.json", way, ANY | NODE)
    for options in ([], ["--json"]):
        out, lines = shown(capsys, "history", tmp_path / "h", *options)
        assert "the first" in out and "the second" in out and "the third" not in out
        assert len(lines) == 1 and f"{third.id}.json" in lines[0]


@pytest.mark.parametrize("way", [*ANY, "cut short", "not text"])
def test_measurements_of_a_history(
    way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = add_node(tmp_path / "h", "model", "first.pt", title="the first")
    add_node(tmp_path / "h", "evaluate", "first.pt", parent=node.id, title="measured alone")
    wrong = keep(tmp_path / "h", "latency", ["a"], {"machine": {"device": "x"}, "timings": []})
    spoil(tmp_path / "h" / "measured" / f"{wrong.id}.json", way, ANY)
    out, lines = shown(capsys, "history", tmp_path / "h")
    assert "measured alone" in out
    assert len(lines) == 1 and wrong.id in lines[0]


@pytest.mark.parametrize("way", [*ANY, *JOBS, "cut short", "not text"])
def test_jobs(way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "jobs"
    create_job("finetune", {"model": "good.pt"}, {}, folder=place / "good")
    bad = create_job("finetune", {"model": "bad.pt"}, {}, folder=place / "bad")
    spoil(bad / JOB, way, ANY | JOBS)
    out, lines = shown(capsys, "jobs", place)
    assert "good.pt" in out and "bad.pt" not in out
    assert len(lines) == 1 and str(bad) in lines[0]
    out, _ = shown(capsys, "jobs", place, "--json")
    assert {"folder": str(bad), "state": "damaged"} in json.loads(out)["jobs"]


@pytest.mark.parametrize("entry", [7, None, "relative", ["x"], "/a\x00b", {"folder": "/x"}])
def test_entries_of_the_queue(
    entry: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = create_job("finetune", {"model": "good.pt"}, {}, folder=tmp_path / "good")
    queue_file().parent.mkdir(parents=True)
    write_json(queue_file(), {"version": 1, "waiting": [entry, str(good)], "held": True})
    out, lines = shown(capsys, "jobs")
    assert "good.pt" in out and "number 1" in out
    assert len(lines) == 1 and "entry 1 of" in lines[0]


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1, "waiting": 3}', '{"held": "x"}'])
def test_a_damaged_queue(content: str, capsys: pytest.CaptureFixture[str]) -> None:
    queue_file().parent.mkdir(parents=True)
    queue_file().write_text(content)
    out, lines = shown(capsys, "jobs")
    assert out == "No jobs.\n" and len(lines) == 1 and str(queue_file()) in lines[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": 2},
        {"step": "2"},
        {"checkpoint": "../../x.pt"},
        {"entry": {"block": -1}},
        {"proof": {}},
        {"share": "x"},
    ],
)
def test_steps_one_by_one(wrong: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof = {"relative_error": 0.0, "tolerance": 1e-5, "passed": True, "inputs": 2}
    step = {"run": "r", "model": "m", "parent": 0, "item": 0, "step": 1, "scope": "all",
            "entry": {"block": 2, "ratio": 0.5}, "map50_95": 0.25, "macs": 8, "share": 0.9,
            "accepted": True, "checkpoint": "good.pt", "removed": "AA", "proof": proof}  # fmt: skip
    with Journal(tmp_path / "steps.jsonl", "steps") as journal:
        journal.append(step)
        journal.append({**step, "checkpoint": "bad.pt", **wrong} if wrong != {"step": 2} else wrong)
    out, lines = shown(capsys, "steps", tmp_path)
    assert "good.pt" in out and "bad.pt" not in out
    assert len(lines) == 1 and "line 3 of" in lines[0]


def spoil(path: Path, way: str, changes: dict[str, Change]) -> None:
    """Damage a file."""
    if way == "cut short":
        path.write_bytes(path.read_bytes()[:-9])
    elif way == "not text":
        path.write_bytes(b"\xff\xfe" + path.read_bytes())
    else:
        path.write_text(json.dumps(changes[way](json.loads(path.read_text()))))
