"""A received project reaches nothing outside its folder before somebody confirms it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from core.cli.main import main
from core.errors import UserError
from core.history.measurements import new_measurement, write_measurement
from core.history.nodes import add_node
from core.project import (
    DataSetting,
    ModelReference,
    Project,
    Result,
    Tuned,
    outside_names,
    project_json,
    read_project,
    write_project,
)
from core.runs import queue
from core.runs.folder import create_job, limit_batch, read_job, status_of, write_job
from core.runs.kinds import KINDS, JobKind
from core.runs.received import (
    OutsideError,
    check_job,
    check_project,
    claims_of,
    confirm,
    outside_files,
)
from core.runs.run import run_job
from core.system.paths import data_folder, history_of, jobs_of
from core.trust.border import Border
from core.trust.own import is_own, notes_folder, remember


class Settings(BaseModel):
    model: str = ""
    output: str = ""
    extra: dict[str, Any] = {}
    largest_batch: int | None = None


@pytest.fixture(autouse=True)
def kind(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def run(arguments, folder, emit, check):
        Path(arguments["output"]).write_text("written")
        return {"output": arguments["output"]}

    parse = Settings.model_validate
    KINDS.register("copy", JobKind("copying", "Copy", "", parse, run, training=""))
    yield
    KINDS.remove("copy")


@pytest.fixture
def place(tmp_path) -> Path:
    folder = tmp_path / "received"
    (folder / "images").mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"model")
    return folder / "x.secateur"


@pytest.fixture
def secret(tmp_path) -> Path:
    file = tmp_path / "private" / "secret.jpg"
    file.parent.mkdir()
    file.write_text("secret")
    return file


def elsewhere(act: Callable[[], object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Do something as a stranger does, on another machine."""
    with monkeypatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path / "another machine"))
        act()


def project(**more: Any) -> Project:
    return Project(model=ModelReference(path="model.pt"), **more)


RESULT = {"date": "", "parameters_before": 1, "parameters_after": 1, "macs_before": 1,
          "macs_after": 1, "relative_error": 0.0}  # fmt: skip


def measured(image: str) -> dict[str, object]:
    """A measurement that shows an image."""
    shown = {"image": image, "change": 0.0, "scores": [0.5], "truth": [], "boxes": [[]]}
    return {"models": [{"figures": {}}], "images": [shown]}


def data_yaml(place: Path, text: str) -> None:
    (place.parent / "data.yaml").write_text(f"{text}\nnames: [a]\n")


def made(what: str, place: Path, secret: Path) -> Project:
    """Write one way to name a file outside; return the project."""
    at, up = str(secret), "../private/secret.jpg"
    make_data(what, place, secret)
    make_near(what, place, secret)
    return {
        "model": project().model_copy(update={"model": ModelReference(path=at)}),
        "model up": project().model_copy(update={"model": ModelReference(path=up)}),
        "linked model": project().model_copy(update={"model": ModelReference(path="link.pt")}),
        "dataset": project(data=DataSetting(path=at)),
        "pruned": project(results=(Result(output=at, **RESULT),)),
        "tuned": project(tuned=(Tuned(output="a.pt", source=up),)),
        "scan": project(sensitivity=at),
        "steps": project(steps=up),
    }.get(what, project(data=DataSetting(path="data.yaml")) if what in DATA else project())


def make_data(what: str, place: Path, secret: Path) -> None:
    folder = place.parent
    if what == "data":
        data_yaml(place, f"train: images\nval: {secret.parent}")
    elif what == "data up":
        data_yaml(place, "path: ../private\ntrain: .\nval: .")
    elif what == "list":
        (folder / "list.txt").write_text(f"./images/a.jpg\n{secret}\n")
        data_yaml(place, "train: images\nval: list.txt")
    elif what == "linked image":
        (folder / "images" / "deep").mkdir()
        (folder / "images" / "deep" / "a.jpg").symlink_to(secret)
        data_yaml(place, "train: images\nval: images")


def make_near(what: str, place: Path, secret: Path) -> None:
    at, up = str(secret), "../private/secret.jpg"
    if what == "job":
        create_job("copy", {"output": at}, {}, folder=jobs_of(place) / "one")
    elif what == "deep in a job":
        arguments = {"output": "tuned.pt", "extra": {"a": [{"b": up}]}}
        create_job("copy", arguments, {}, folder=jobs_of(place) / "one")
    elif what == "result":
        job = create_job(
            "copy", {"output": str(place.parent / "out")}, {}, folder=jobs_of(place) / "one"
        )
        done = read_job(job).model_copy(update={"state": "done", "result": {"output": at}})
        write_job(job, done)
    elif what == "linked jobs":
        create_job("copy", {}, {}, folder=secret.parent / "jobs" / "one")
        jobs_of(place).symlink_to(secret.parent / "jobs")
    elif what == "measured":
        rows = measured(at)
        write_measurement(history_of(place), new_measurement("accuracy", ["a"], rows))
    elif what == "measured by 0.1":
        record = new_measurement("accuracy", ["a"], measured(up)).model_dump()
        lines = [
            {"secateur": "measured", "version": 1},
            {k: record[k] for k in record if k != "id"},
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        place.with_suffix(".measured.jsonl").write_text(text)
    elif what == "node":
        add_node(history_of(place), "model", secret)
    elif what == "node's details":
        add_node(history_of(place), "model", None, details={"source": at})


DATA = ("data", "data up", "list", "linked image")
NEAR = (
    "job", "deep in a job", "result", "linked jobs", "measured", "measured by 0.1", "node",
    "node's details",
)  # fmt: skip
NAMED = ("model", "model up", "linked model", "dataset", "pruned", "tuned", "scan", "steps")
WAYS = (*DATA, *NEAR, *NAMED)


@pytest.mark.parametrize("what", WAYS)
def test_what_a_stranger_names_outside_is_asked_about_once(
    what, place, secret, tmp_path, monkeypatch, capsys
):
    (place.parent / "link.pt").symlink_to(secret)

    def stranger() -> None:
        write_project(place, made(what, place, secret))

    elsewhere(stranger, monkeypatch, tmp_path)
    with pytest.raises(OutsideError, match="outside its folder") as raised:
        check_project(place)
    assert all("private" in path or "tuned.pt" in path for path in raised.value.paths)
    output = tmp_path / "report.html"
    assert main(["report", str(place), "-o", str(output)]) == 1
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and "--trust-paths" in told and not output.exists()
    confirm(claims_of(place))
    check_project(place)
    data = json.loads(place.read_text())
    place.write_text(json.dumps({**data, "sensitivity": str(secret.parent / "another")}))
    with pytest.raises(OutsideError, match="another"):  # what changes is asked about again
        check_project(place)


@pytest.mark.parametrize("what", [way for way in WAYS if way not in ("measured by 0.1", "result")])
def test_what_was_made_here_is_not_asked_about(what, place, secret, tmp_path):
    (place.parent / "link.pt").symlink_to(secret)
    write_project(place, made(what, place, secret))
    assert what == "linked jobs" or claims_of(place) == ()
    moved = place.parent.rename(tmp_path / "moved") / place.name
    if what not in (*DATA, "linked jobs"):
        assert outside_files(claims_of(moved)) == ()
    write_project(moved, read_project(moved))
    assert what == "linked jobs" or claims_of(moved) == ()


def test_what_stays_inside_is_not_asked_about(place, tmp_path, monkeypatch):
    folder = place.parent

    def stranger() -> None:
        data_yaml(place, "train: images\nval: ../images")
        job = {"model": str(folder / "model.pt"), "output": str(folder / "out.pt")}
        create_job("copy", job, {}, folder=jobs_of(place) / "one")
        add_node(history_of(place), "model", folder / "model.pt", details={"note": "a/b, or c"})
        rows = measured("images/a.jpg") | {"names": {"0": "a.b", "1": "https://x/y"}}
        write_measurement(history_of(place), new_measurement("accuracy", ["a"], rows))
        (folder / "images" / "b.jpg").symlink_to(folder / "images" / "a.jpg")
        write_project(place, project(data=DataSetting(path="data.yaml")))

    elsewhere(stranger, monkeypatch, tmp_path)
    assert claims_of(place) == ()
    assert run_job(jobs_of(place) / "one")["event"] == "done"


# ---- jobs --------------------------------------------------------------------------------------


def received_job(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **named: str
) -> Path:
    folder = jobs_of(place) / "one"
    elsewhere(lambda: create_job("copy", named, {}, folder=folder), monkeypatch, tmp_path)
    return folder


@pytest.mark.parametrize("output", ["{home}/.bashrc", "../../victim", "victim", "~/x/../../victim"])
def test_a_received_job_writes_nowhere_before_it_is_confirmed(
    output, place, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~" / "x").mkdir(parents=True)
    target = output.format(home=tmp_path)
    folder = received_job(place, monkeypatch, tmp_path, output=target)
    before = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    for act in (run_job, queue.add, check_job):
        with pytest.raises(OutsideError, match="The job one uses files outside its folder"):
            act(folder)
    for words in (["resume"], ["run"], ["queue"], ["first"], ["resume", "--detach"]):
        assert main(["jobs", words[0], str(folder), *words[1:]]) == 1
        told = capsys.readouterr().err
        assert len(told.splitlines()) == 1 and "--trust-paths" in told
    limit_batch(folder, 1)  # changes it, and says nothing about trust
    with pytest.raises(OutsideError):
        run_job(folder)
    assert status_of(read_job(folder)) == "ready"
    after = {path for path in tmp_path.rglob("*") if "home" not in path.parts}
    assert {p for p in after - before if folder not in p.parents} == set()
    assert main(["jobs", "resume", str(folder), "--trust-paths"]) == 0
    assert Path(target).read_text() == "written"
    assert claims_of(place, project()) == ()


def test_an_own_job_goes_on_without_a_question(place, tmp_path):
    job = create_job("copy", {"output": str(tmp_path / "out")}, {}, folder=jobs_of(place) / "one")
    limit_batch(job, 2)
    assert run_job(job)["event"] == "done"
    standalone = create_job("copy", {"output": str(tmp_path / "out2")}, {}, folder=tmp_path / "job")
    assert run_job(standalone)["event"] == "done"


def test_a_confirmed_job_is_asked_about_again_when_it_changes(place, tmp_path, monkeypatch):
    folder = received_job(place, monkeypatch, tmp_path, output=str(tmp_path / "a"))
    check_job(folder, trust=True)
    check_job(folder)
    data = json.loads((folder / "job.json").read_text())
    data["arguments"]["output"] = str(tmp_path / "b")
    (folder / "job.json").write_text(json.dumps(data))
    with pytest.raises(OutsideError):
        run_job(folder)


# ---- where it is remembered ------------------------------------------------------------------


def test_notes_are_the_users_alone(tmp_path):
    assert not is_own("job", [1])
    remember("job", [1])
    assert is_own("job", [1]) and not is_own("result", [1]) and not is_own("job", [1, 2])
    assert notes_folder().stat().st_mode & 0o077 == 0 and notes_folder().parent == data_folder()
    notes_folder().chmod(0o777)  # others could have written there
    assert not is_own("job", [1])


@given(
    st.lists(st.sampled_from(["..", ".", "a", "b", "images", "", "private"]), max_size=7),
    st.booleans(),
)
def test_the_border_is_where_the_system_has_it(parts: list[str], absolute: bool) -> None:
    root = Path(os.sep, "work", "project")
    name = "/".join(parts)
    name = f"{root}/{name}" if absolute else name
    led = os.path.normpath(root / name)
    inside = Path(led).is_relative_to(root)
    assert (Border(root).outside(name) is None) == (inside or not name)


def test_names_that_are_no_paths_do_no_harm(tmp_path):
    border = Border(tmp_path)
    for name in ("", "\0", "a\nb", "x" * 5000, "/" * 300, "loop"):
        (tmp_path / "loop").unlink(missing_ok=True)
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        border.outside(name)
    assert border.outside("/etc/passwd") == os.path.realpath("/etc/passwd")
    assert border.outside_of({"a": [{"b": ("x", "../y")}], "c": 1}) == (str(tmp_path.parent / "y"),)


def test_a_project_that_is_open_is_the_users_own(place, secret):
    opened = project(data=DataSetting(path=str(secret)))
    place.write_text(json.dumps(project_json(opened)))
    assert claims_of(place) and claims_of(place, opened, own=True) == ()
    assert outside_names(opened, place)["project"] == (str(secret),)
    with pytest.raises(UserError):
        check_project(place, opened)
    shutil.rmtree(place.parent)
