"""The result of a tuning is never worse than the network before it, and says which state it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import core
from core.data.resample import ClassImages
from core.runs.kinds.finetune import result_text
from core.runs.tail import Digest
from core.tune import finish
from core.tune.choose import State, better, choose
from core.tune.run import finetune
from core.tune.settings import Settings

IMAGES = 40


def state(name: str, right: int, gap: float | None = None) -> State:
    """A state that is right on the first images, and as far from its teacher on all."""
    images = ClassImages(np.arange(IMAGES) < right)
    noise = np.random.default_rng(0).uniform(0.9, 1.1, IMAGES)
    gaps = () if gap is None else tuple((gap * noise).tolist())
    network: Any = None
    return State(name, network, {"top1": right / IMAGES}, images, gaps)


@pytest.mark.parametrize(
    ("new", "old", "is_better"),
    [
        ((20, None), (10, None), True),
        ((10, None), (20, None), False),
        ((10, 0.5), (20, 1.0), False),  # labels that are sure decide
        ((20, 1.0), (10, 0.5), True),
        ((11, None), (10, None), False),  # one image of forty says nothing
        ((11, 0.5), (10, 1.0), True),
        ((10, 0.5), (10, 1.0), True),
        ((8, 0.5), (10, 1.0), False),  # labels lean the other way
        ((11, 1.0), (10, 0.5), False),
        ((10, 1.0), (10, 1.0), False),
        ((10, float("nan")), (10, 1.0), False),
    ],
)
def test_labels_decide_where_they_are_sure_and_else_the_teacher(
    new: tuple[int, float | None], old: tuple[int, float | None], is_better: bool
) -> None:
    assert better(state("last", *new), state("before", *old)) is is_better


def test_a_later_state_must_be_better_than_the_one_chosen_so_far() -> None:
    before, last, mean, best = (
        state(name, right, gap)
        for name, right, gap in (
            ("before", 20, 1.0), ("last", 10, 0.5), ("mean", 21, 0.7), ("best", 22, 0.7),
        )
    )  # fmt: skip
    assert choose([before, last]) is before
    assert choose([before, last, mean, best]) is mean
    assert choose([before]) is before


@pytest.mark.parametrize("name", ["before", "last", "mean"])
def test_the_chosen_state_is_the_file(
    name: str,
    settings: Settings,
    teacher: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[dict] = []
    compared: list[list[State]] = []

    def take(states: list[State]) -> State:
        compared.append(states)
        return next(state for state in states if state.name == name)

    monkeypatch.setattr(finish, "choose", take)
    output = tmp_path / "tuned.pt"
    (folder := tmp_path / "job").mkdir()
    update = {"epochs": 1, "teacher": str(teacher), "output": str(output), "baseline": True}
    result = finetune(settings.model_copy(update=update), folder, emit=events.append)
    assert [state.name for state in compared[0]] == ["before", "last", "mean"]
    count = result["measured_on"]["images"]
    assert {len(state.gaps) for state in compared[0]} == {count}
    wanted = next(state for state in compared[0] if state.name == name)
    for path in (output, folder / "best.pt"):
        loaded = core.load(path)
        for key, tensor in loaded.model.float().state_dict().items():
            assert torch.equal(tensor, wanted.network.model.float().state_dict()[key])
        assert loaded.facts.history[-1]["state"] == name
    assert (result["chosen"], result["after"]) == (name, wanted.figures)
    unchanged = name == "before"
    assert ("did not help" in result["text"]) is unchanged
    assert result["text"] in result_text(result)
    digest = Digest()
    for event in events:
        digest.take(event)
    assert digest.notes[-1] == result["text"]
    assert digest.facts["best"] == wanted.figures["map50_95"]


def test_a_tuning_that_does_harm_is_not_delivered(
    settings: Settings, teacher: Path, tmp_path: Path
) -> None:
    """At an absurd learning rate, from the very network that is the teacher."""
    update = {
        "model": str(teacher),
        "teacher": str(teacher),
        "average": False,
        "options": {"optimizer": "SGD", "lr0": 1.0, "warmup_epochs": 0.0},
    }
    result = finetune(settings.model_copy(update=update), tmp_path)
    assert result["chosen"] == "before"
    untouched = core.load(teacher).model.float().state_dict()
    for name, tensor in core.load(result["output"]).model.float().state_dict().items():
        assert torch.equal(tensor, untouched[name])
