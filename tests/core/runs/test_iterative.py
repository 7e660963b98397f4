"""Pruning in turns: equal shares of the way, resumable, and no further than a loss allows."""

from __future__ import annotations

from pathlib import Path

import pytest

import core
from core.errors import UserError
from core.runs.folder import create_job, read_events
from core.runs.kinds.iterative import Iteration, iterate, parse, result_text
from core.runs.run import run_job
from tests.core.networks import parameters

PLAN = {"version": 1, "criterion": "l2", "round_to": 1, "target": {"macs": 0.5}}
TUNE = {"epochs": 1, "batch": 2, "image_size": 64, "device": "cpu", "baseline": False}


def job(teacher: Path, data: Path, **change: object) -> dict:
    iteration = Iteration(model=str(teacher), data=str(data), plan=PLAN, steps=2, tune=TUNE)
    return iteration.model_copy(update=change).model_dump(mode="json")


def test_two_steps_resumed(teacher: Path, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.pt"
    arguments = job(teacher, data, output=str(output))
    folder = create_job("iterative", arguments, {"model": teacher}, folder=tmp_path / "job")

    def stop(event: dict) -> None:
        if event["event"] == "step":
            raise KeyboardInterrupt

    assert run_job(folder, stop)["event"] == "cancelled"
    first = (folder / "step-1" / "best.pt").stat().st_mtime_ns
    event = run_job(folder)
    assert event["event"] == "done", event
    assert (folder / "step-1" / "best.pt").stat().st_mtime_ns == first
    result = event["result"]
    assert result["reached"] and result["accepted"] == 2
    # Tuned at 64 pixels, but counted at the size of the original all along.
    whole = core.analyse(core.load(teacher)).table
    shares = [step["macs"] / sum(block.macs for block in whole.blocks) for step in result["steps"]]
    assert shares == pytest.approx([0.5**0.5, 0.5], abs=0.02)
    small = core.load(output)
    assert parameters(small.model) == result["steps"][-1]["parameters"]
    kinds = [record.get("kind", "prune") for record in small.facts.history]
    assert kinds == ["prune", "finetune", "prune", "finetune"]
    # The second pruning is reported in channels of the very first network, through the tuning.
    original = small.facts.history[-1]["original"]
    widths = dict(core.load(teacher).model.named_parameters())
    for name, sides in original.items():
        assert max(sides["outputs"], default=0) < len(widths[f"{name}.weight"])
    told = read_events(folder)[0]
    assert sum(e["event"] == "done" for e in told) == 1
    steps = [e["step"] for e in told if e["event"] == "epoch"]
    assert steps == [1, 2] and all(e["steps"] == 2 for e in told if e["event"] == "batch")


def test_too_much_lost(teacher: Path, data: Path, tmp_path: Path) -> None:
    # An untrained network finds nothing, so whatever is lost is all there was.
    arguments = job(teacher, data, max_loss=0.5, steps=3)
    events: list[dict] = []
    result = iterate(arguments, tmp_path, events.append, lambda: None)
    assert (result["accepted"], result["reached"]) == (0, False)
    assert result["output"] == str(teacher)
    assert [step["accepted"] for step in result["steps"]] == [False]


def test_a_target_is_needed(teacher: Path, data: Path, tmp_path: Path) -> None:
    plan = {"version": 1, "selection": [{"block": 4, "ratio": 0.5}]}
    with pytest.raises(UserError, match="no target"):
        iterate(job(teacher, data, plan=plan), tmp_path, lambda event: None, lambda: None)


def test_repaired_after_every_pruning(teacher: Path, data: Path, tmp_path: Path) -> None:
    arguments = job(teacher, data, repair=("bn", "refit"))
    result = iterate(arguments, tmp_path, lambda event: None, lambda: None)
    assert result["reached"]
    for step in (1, 2):
        history = core.load(tmp_path / f"step-{step}" / "pruned.pt").facts.history
        assert [told["step"] for told in history[-1]["repair"]] == ["bn", "refit"]


def test_a_repair_that_fails_is_told_and_the_step_goes_on(
    teacher: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UserError("It selects its own queries.", "Prune without repair.")

    monkeypatch.setattr("core.repair.repair_stage", fail)
    arguments = job(teacher, data, repair=("bn",), steps=1)
    result = iterate(arguments, tmp_path, lambda event: None, lambda: None)
    assert result["reached"]
    assert result["steps"][0]["repair_failed"].startswith("It selects its own queries.")
    assert "repair failed, so it was tuned without: It selects" in result_text(result)


@pytest.mark.parametrize("repair", [["bin"], ["auto", "bn"], [""]])
def test_unknown_steps_of_repair(repair: list[str], teacher: Path, data: Path) -> None:
    arguments = {**job(teacher, data), "repair": repair}
    with pytest.raises(UserError, match="no repair step"):
        parse(arguments)


def test_an_output_that_cannot_be_written(teacher: Path, data: Path, tmp_path: Path) -> None:
    for name in ("none/out.pt", "out.onnx", str(teacher)):
        told: list[dict] = []
        with pytest.raises(UserError):
            iterate(job(teacher, data, output=str(tmp_path / name)), tmp_path, told.append, print)
        assert not told  # before anything is measured
    place = tmp_path / "gone"
    place.mkdir()
    told = []

    def vanish(event: dict) -> None:
        told.append(event)
        if event["event"] == "baseline" and place.exists():
            place.rmdir()

    arguments = job(teacher, data, output=str(place / "out.pt"), steps=1)
    (folder := tmp_path / "job").mkdir()
    result = iterate(arguments, folder, vanish, lambda: None)
    assert result["accepted"] == 1 and core.load(result["output"]).model is not None
    (warning,) = [e for e in told if e["event"] == "warning"]
    assert "does not exist" in warning["message"] and result["output"] in warning["hint"]
