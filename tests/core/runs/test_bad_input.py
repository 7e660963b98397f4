"""What goes wrong in the middle of a tuning: one sentence, and the best so far is kept."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import core
from core.checkpoint import save
from core.history.tree import read_history, walk
from core.runs.folder import create_job, read_events, read_job, status_of
from core.runs.run import TERMINAL, run_job
from core.tune.settings import Settings
from tests.core.images import make_dataset
from tests.core.networks import network, untrained
from tests.core.tune.conftest import pruned
from tests.core.warm import Warm

FULL = """
import os, sys, tempfile
from core.cli.main import main
real, states = tempfile.mkstemp, []

def mkstemp(**options):
    # The kernel itself refuses what is written to this file: no space left on device.
    handle, name = real(**options)
    if options["prefix"].startswith((".last.pt.", ".best.pt.")):
        states.append(name)
        if len(states) > 2:
            os.close(handle)
            os.unlink(name)
            os.symlink("/dev/full", name)
            handle = os.open(name, os.O_WRONLY)
    return handle, name

tempfile.mkstemp = mkstemp
sys.exit(main(["jobs", "run", sys.argv[1]]))
"""


def make(settings: Settings, folder: Path, **change: object) -> Path:
    arguments = settings.model_copy(update=change).model_dump(mode="json")
    return create_job("finetune", arguments, {"model": settings.model}, folder=folder)


def failure(folder: Path) -> str:
    """The one message of a job that failed, as its folder and its events tell it."""
    job = read_job(folder)
    assert status_of(job) == "failed"
    told = [event for event in read_events(folder)[0] if event["event"] in TERMINAL]
    assert [(event["event"], event["bug"]) for event in told] == [("failed", False)]
    assert told[0]["message"] == job.message and "\n" not in job.message
    assert job.hint
    return job.message


def kept(folder: Path) -> None:
    """The states of the last whole epoch are there, and nothing half written is."""
    for name in ("best.pt", "last.pt"):
        tensors = core.load(folder / name).model.state_dict().values()
        assert all(t.isfinite().all() for t in tensors if t.is_floating_point())
    assert not list(folder.glob("*.part")) and not list(folder.glob(".*.part"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_during_a_checkpoint(settings: Settings, tmp_path: Path, warm: Warm) -> None:
    folder = make(settings, tmp_path / "job")
    command = [warm.folder / "python", "-c", FULL, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "no space left on device" in failure(folder)
    assert "no space left on device" in done.stderr
    kept(folder)
    assert run_job(folder)["event"] == "done"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A disk of a few bytes, where one can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: int) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("needs leave to mount a small disk")
        return place

    yield mount
    subprocess.run(["umount", str(place)], check=False, capture_output=True)


def test_full_disk_for_everything(
    settings: Settings,
    tmp_path: Path,
    small_disk: Callable[[int], Path],
    whole: Path,
    warm: Warm,
) -> None:
    """Events, log and the job's own file are on the full disk, too."""
    best, last = ((whole / name).stat().st_size for name in ("best.pt", "last.pt"))
    disk = small_disk(best + last * 3 // 2)  # a second last.pt does not fit next to the first
    folder = make(settings, disk / "job")
    command = [warm.folder / "secateur", "jobs", "run", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "no space left on device" in failure(folder)
    kept(folder)
    shutil.move(folder, tmp_path / "elsewhere")
    assert run_job(tmp_path / "elsewhere")["event"] == "done"


@pytest.mark.parametrize("what", ["images/train", "images/val", "."])
def test_dataset_removed(what: str, settings: Settings, tmp_path: Path) -> None:
    folder = make(settings, tmp_path / "job")

    def remove(event: dict) -> None:
        if event["event"] == "epoch" and event["epoch"] == 1:
            shutil.rmtree(Path(settings.data).parent / what)

    run_job(folder, remove)
    assert "is missing" in failure(folder)
    kept(folder)


def test_dataset_removed_before_the_last_measurement(settings: Settings, tmp_path: Path) -> None:
    folder = make(settings, tmp_path / "job")

    def remove(event: dict) -> None:
        if event["event"] == "epoch" and event["epoch"] == 2:
            shutil.rmtree(Path(settings.data).parent)

    run_job(folder, remove)
    assert "Could not read the dataset" in failure(folder)
    kept(folder)


def test_folders_of_classes_removed(tmp_path: Path) -> None:
    model = network("yolov8n-cls")
    two = {0: model.names[3], 1: model.names[5]}
    data = make_dataset(tmp_path / "data", two, "classify", images=4, side=64)
    path = pruned("yolov8n-cls", tmp_path)
    settings = Settings(
        model=str(path), data=str(data), epochs=2, batch=2, image_size=64, device="cpu"
    )
    folder = make(settings, tmp_path / "job", baseline=False)

    def remove(event: dict) -> None:
        if event["event"] == "epoch" and event["epoch"] == 1:
            shutil.rmtree(data)

    run_job(folder, remove)
    assert "is missing" in failure(folder)
    kept(folder)


def test_not_a_number_at_once(settings: Settings, tmp_path: Path) -> None:
    folder = make(settings, tmp_path / "job", options={"cls": 1e39})  # more than a float holds
    run_job(folder)
    assert "became NaN or infinite in epoch 1; no epoch was completed" in failure(folder)
    assert not list(folder.glob("*.pt"))


def test_not_a_number_later(settings: Settings, tmp_path: Path) -> None:
    """Steps so large that the weights run away, epoch by epoch, until they overflow."""
    options = {"optimizer": "Adam", "lr0": 1.0, "cls": 1e20}
    folder = make(settings, tmp_path / "job", options=options, epochs=30)
    run_job(folder)
    assert re.search(r"in epoch \d+; the best state so far is kept", failure(folder))
    kept(folder)


def test_a_teacher_of_another_task(settings: Settings, tmp_path: Path) -> None:
    other = untrained("yolov8n-seg")
    save(other.model, tmp_path / "seg.pt", train_args=other.train_args)
    folder = make(settings, tmp_path / "job", teacher=str(tmp_path / "seg.pt"))
    run_job(folder)
    message = failure(folder)
    assert "“segment”" in message and "“detect”" in message
    assert not list(folder.glob("*.pt"))


WRONG = {
    "no labels": (lambda d: shutil.rmtree(d.parent / "labels"), "labelled object"),
    "no validation split": (lambda d: cut(d, "val:"), "no split “val”"),
    "wrong classes": (lambda d: d.write_text(FEW), "2 classes and the model 80"),
}
FEW = "train: images/train\nval: images/val\nnames: [a, b]\n"


def cut(description: Path, start: str) -> None:
    lines = description.read_text().splitlines()
    description.write_text("\n".join(line for line in lines if not line.startswith(start)))


@pytest.mark.parametrize("case", WRONG)
def test_data_that_cannot_be_used(case: str, settings: Settings, tmp_path: Path) -> None:
    spoil, words = WRONG[case]
    spoil(Path(settings.data))
    folder = make(settings, tmp_path / "job")
    run_job(folder)
    assert words in failure(folder)


@pytest.mark.parametrize("kind", ["finetune", "iterative"])
def test_a_gpu_that_is_not_there(
    kind: str, settings: Settings, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processor is no answer to a GPU that was chosen: not a batch is computed on it."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    arguments = settings.model_copy(update={"device": "cuda:0"}).model_dump(mode="json")
    if kind == "iterative":
        plan = {"version": 1, "target": {"macs": 0.8}, "selection": []}
        tune = {"epochs": 1, "device": "cuda:0", "image_size": 64}
        arguments = {"model": str(teacher), "data": settings.data, "plan": plan, "tune": tune}
    folder = create_job(kind, arguments, {}, folder=tmp_path / "job")
    run_job(folder)
    assert "“cuda:0” was selected, but torch finds no GPU" in failure(folder)
    told = {event["event"] for event in read_events(folder)[0]}
    assert not told & {"started", "batch", "baseline", "pruning"}


def test_without_figures_from_before_it_is_done_and_in_the_history(
    settings: Settings, tmp_path: Path
) -> None:
    """Nothing was measured before: the step has no such figures, and is one all the same."""
    history = tmp_path / "history"
    folder = make(settings, tmp_path / "job", baseline=False, history=str(history), epochs=1)
    run_job(folder)
    job = read_job(folder)
    assert status_of(job) == "done", job.message
    assert job.result is not None and job.result["node"]
    (node,) = [b.node for _, b in walk(read_history(history).branches) if b.node.kind == "tune"]
    assert node.id == job.result["node"]
    assert node.details["before"] == {}
    assert node.figures["map50_95"] == job.result["after"]["map50_95"]


def test_a_bug_of_the_history_does_not_cost_what_was_trained(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TypeError("not what it should be")

    monkeypatch.setattr("core.history.remember.remember_tuned", fail)
    output = tmp_path / "tuned.pt"
    history = str(tmp_path / "history")
    folder = make(settings, tmp_path / "job", history=history, epochs=1, output=str(output))
    run_job(folder)
    assert status_of(read_job(folder)) == "done"
    assert core.load(output).model is not None
    (warning,) = [e for e in read_events(folder)[0] if e["event"] == "warning"]
    assert "TypeError: not what it should be" in warning["message"]


def test_an_output_that_cannot_be_written_is_refused_before_the_training(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "folder.pt").mkdir()
    bad = ("no/such/a.pt", "a.onnx", "folder.pt", settings.model)
    for number, output in enumerate(bad):
        folder = make(settings, tmp_path / f"job{number}", output=str(tmp_path / output))
        event = run_job(folder)
        assert event["event"] == "failed" and not event["bug"]
        assert [e["event"] for e in read_events(folder)[0]] == ["failed"]  # no image was read


def test_an_output_that_fails_at_the_end_does_not_cost_the_training(
    settings: Settings, tmp_path: Path
) -> None:
    place = tmp_path / "gone"
    place.mkdir()
    folder = make(settings, tmp_path / "job", epochs=1, output=str(place / "tuned.pt"))

    def vanish(event: dict) -> None:
        if event["event"] == "epoch":
            place.rmdir()

    event = run_job(folder, vanish)
    assert event["event"] == "done" and event["result"]["output"] == str(folder / "best.pt")
    assert core.load(folder / "best.pt").model is not None
    (warning,) = [e for e in read_events(folder)[0] if e["event"] == "warning"]
    assert "does not exist" in warning["message"] and str(folder / "best.pt") in warning["hint"]
