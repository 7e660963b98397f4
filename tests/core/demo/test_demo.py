"""The demo: the network shipped is as good as it says, and the whole job runs on it."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import util
from importlib.resources import files
from pathlib import Path

import pytest

from core.cli.main import main
from core.data.evaluate import evaluate
from core.data.stream import ALL, DataSettings
from core.demo import STEPS, DemoSettings, Place, is_ready, run_demo, set_up, summary_text
from core.demo.place import IMAGE_SIZE, TARGET
from core.errors import CancelledError, UserError
from core.history.measurements import ACCURACY, read_measurements
from core.history.nodes import read_nodes
from core.pipeline import load
from core.project import read_project, with_places
from core.report import build_report
from core.runs.folder import list_jobs, read_job
from resources import scenes
from tests.core.report import browser

SHIPPED = files("resources") / "demo"
SHORT = DemoSettings(
    train=24, val=16, images=8, repair_images=8, epochs=1, repair_minutes=0.3, repeats=3
)
TINY = DemoSettings(
    train=4,
    val=3,
    images=2,
    repair_images=4,
    target=0.8,
    epochs=1,
    repair_minutes=0.02,
    repeats=1,
)


class Told:
    """Keeps what a progress is reported; ends the job when a text reports it."""

    def __init__(self, end: str = "") -> None:
        self.fractions: list[float] = []
        self.texts: list[str] = []
        self.steps: list[dict] = []
        self.end = end

    def __call__(self, fraction: float, text: str) -> None:
        self.fractions.append(fraction)
        self.texts.append(text)
        if self.end and self.end in text:
            raise CancelledError

    def partial(self, data) -> None:
        if "title" in data:
            self.steps.append(data)


@pytest.fixture(scope="module", autouse=True)
def own_data(tmp_path_factory):
    """What other tests did with the network shipped is not in its history."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    told = Told()
    folder = tmp_path_factory.mktemp("demo") / "out"
    return run_demo(folder, SHORT, told), told, Place(folder)


def test_the_network_shipped_is_as_good_as_it_says(tmp_path):
    told = json.loads((SHIPPED / "demo.json").read_text(encoding="utf-8"))
    path = Path(str(SHIPPED / "demo.pt"))
    loaded = load(path)
    assert loaded.facts.sha256 == told["sha256"]
    assert loaded.facts.family == "yolov8n"
    assert loaded.facts.dtype == "float16"
    assert loaded.facts.image_size == IMAGE_SIZE
    assert tuple(loaded.facts.classes.values()) == scenes.CLASSES
    assert path.stat().st_size < 7_000_000
    data = scenes.write_dataset(tmp_path, train=1, seed=told["trained_on"]["seed"])
    settings = DataSettings(data, images=ALL, image_size=IMAGE_SIZE, split="val")
    measured = evaluate(loaded.model, settings, loaded.facts.classes).figures
    # Other processors round differently, and other versions of Pillow write other JPEGs.
    assert measured["map50_95"] == pytest.approx(told["figures"]["map50_95"], abs=0.02)
    assert measured["map50_95"] > 0.6


def test_every_step_is_told(walked):
    result, told, _ = walked
    assert [step["step"] for step in told.steps] == [step.name for step in STEPS]
    more = {"plan", "comparison"}
    assert result["steps"] == [{k: v for k, v in s.items() if k not in more} for s in told.steps]
    handed = {step["step"]: more & step.keys() for step in told.steps}
    assert handed.pop("suggest") == {"plan"}
    assert handed.pop("compare") == {"comparison"}
    assert not any(handed.values())
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0
    assert sum(step.share for step in STEPS) == pytest.approx(1.0)


def test_what_comes_of_it(walked):
    result, _, place = walked
    original, pruned, tuned = result["models"]
    assert pruned["macs"] == pytest.approx(TARGET * original["macs"], rel=0.05)
    assert pruned["parameters"] == tuned["parameters"] < original["parameters"]
    assert result["verification"]["passed"]
    assert result["export"]["parity"]["passed"]
    assert all(model["milliseconds"] > 0 for model in result["models"])
    for path in (place.pruned, place.tuned):
        assert sum(p.numel() for p in load(path).model.parameters()) == pruned["parameters"]
    for path in (result["report"], *result["pictures"], result["export"]["output"]):
        assert Path(path).stat().st_size > 1000
    assert len(result["comparison"]["images"]) == SHORT.val
    nodes = read_nodes(place.project.with_suffix(".history"))
    assert [node.kind for node in nodes] == ["model", "prune", "tune"]
    assert [Path(node.file).name for node in nodes] == ["demo.pt", "pruned.pt", "tuned.pt"]
    kept = read_measurements(place.project.with_suffix(".history"))
    (compared,) = [one for one in kept if one.measured == ACCURACY]
    assert [Path(m["path"]).name for m in compared.result["models"]] == [
        "demo.pt", "pruned.pt", "tuned.pt",
    ]  # fmt: skip
    assert all(m["figures"]["map50_95"] >= 0 for m in compared.result["models"])
    told = {key: value for key, value in result.items() if key != "comparison"}
    assert json.loads((place.folder / "summary.json").read_text()) == told


def project_training(place) -> dict:
    (job,) = list_jobs(place.project.with_suffix(".jobs"))
    return read_job(job).result


def test_the_project_opens_with_its_results(walked):
    _, _, place = walked
    assert is_ready(place.folder)
    project = read_project(place.project)
    assert project.model_path(place.project) == place.model
    assert project.data.path == "scenes/data.yaml"  # beside it, wherever the demo was started
    assert with_places(project, place.project).data.path == str(place.data)
    assert [one.output for one in project.results] == ["pruned.pt"]
    (tuned,) = project.tuned
    assert (tuned.output, tuned.source) == ("tuned.pt", "pruned.pt")
    assert (place.folder / tuned.job) in list_jobs(place.project.with_suffix(".jobs"))
    assert tuned.after["map50_95"] == project_training(place)["after"]["map50_95"]
    assert tuned.parameters == project.results[0].parameters_after
    assert project.plan.selection
    report = build_report(place.project)
    assert report["model"]["family"] == "yolov8n"
    names = ["demo.pt", "pruned.pt", "tuned.pt"]
    assert [model["name"] for model in report["accuracy"]["models"]] == names
    assert [timing["model"] for timing in report["latency"]["timings"]] == names
    assert [one["name"] for one in report["trainings"]] == ["tuned.pt"]
    assert [one["model"] for one in report["exports"]] == ["tuned.pt"]
    assert report["samples"]
    assert report["notes"] == []
    (job,) = list_jobs(place.project.with_suffix(".jobs"))
    assert read_job(job).state == "done"


def test_the_report_opens_without_a_request_or_a_word_on_the_console(walked, tmp_path):
    result, _, _ = walked
    with browser.opened(tmp_path) as chromium:
        seen = browser.visit(chromium, Path(result["report"]))
    assert seen.requests == [] and seen.console == []
    assert seen.width <= 1300 and seen.height > 3000  # nothing sticks out; all sections are there
    assert seen.narrow <= 390


def test_the_scenes_are_not_annotated_with_caches(walked):
    _, _, place = walked
    kinds = {path.suffix for path in place.data.parent.rglob("*.*")}
    assert kinds == {".jpg", ".txt", ".yaml"}


@pytest.mark.parametrize("at", ["Drawing", "Round 2", "Epoch 1", "Exporting"])
def test_cancelled_at_any_step_it_ends_and_runs_again(tmp_path, at):
    with pytest.raises(CancelledError):
        run_demo(tmp_path / "out", TINY, Told(at))
    assert not list((tmp_path / "out").glob(".*.part"))
    if at == "Drawing":
        assert run_demo(tmp_path / "out", TINY)["models"]


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        run_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Could not write"):
        set_up(tmp_path / "file" / "in it")


def test_the_command_tells_its_steps_and_a_table(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("core.demo.DemoSettings", lambda **chosen: replace(TINY, **chosen))
    folder = tmp_path / "out"
    assert main(["demo", "-o", str(folder), "--keep", "0.8"]) == 0
    output, errors = capfd.readouterr()
    assert [line.split()[0] for line in output.splitlines()[1:4]] == ["original", "pruned", "tuned"]
    assert f"All files are in {folder}" in output
    shown = errors.splitlines()
    for number, step in enumerate(STEPS, 1):  # in a log, also what begins: some take minutes
        (done,) = (n for n, line in enumerate(shown) if line.startswith(f"{step.title}: "))
        assert shown.index(f"{number} of {len(STEPS)}, {step.title}…") < done
    assert main(["demo", "-o", str(folder), "--events", "--json"]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [one["data"]["step"] for one in lines if "title" in one.get("data", {})] == [
        step.name for step in STEPS
    ]
    assert lines[-1]["project"] == str(folder / "demo.secateur")


def test_the_command_refuses_what_cannot_be(tmp_path, capfd):
    assert main(["demo", "-o", str(tmp_path / "out"), "--keep", "2"]) == 1
    assert "--keep must be less than 1" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_not_installed_is_said_and_left_out(tmp_path, monkeypatch):
    """Without the tools of ONNX everything else is done."""
    real = util.find_spec
    monkeypatch.setattr(
        util, "find_spec", lambda name, *a: None if name.startswith("onnx") else real(name, *a)
    )
    result = run_demo(tmp_path / "out", TINY)
    assert result["export"] is None
    assert result["runtime"] == "torch"
    assert {one["runtime"] for one in result["missing"]} == {"onnx", "export to ONNX"}
    assert "pip install" in summary_text(result)
