"""The mean of the first and the last state, and when it is taken as the best one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import core
from core.checkpoint import Loaded
from core.cli.main import main
from core.data.resample import ClassImages
from core.runs.folder import read_events
from core.runs.tail import Digest
from core.tune.average import mean_network
from core.tune.choose import State
from core.tune.measure import Measurer
from core.tune.run import finetune
from core.tune.settings import Settings


def small(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    network[1].running_mean.uniform_()
    network[1].num_batches_tracked.fill_(seed)
    return network


@given(st.floats(0.0, 1.0))
def test_weights_lie_between_those_of_both(share: float) -> None:
    before, tuned = small(1), small(2)
    known = {name: tensor.clone() for name, tensor in tuned.state_dict().items()}
    mean = mean_network(before, tuned, share).state_dict()
    for name, tensor in mean.items():
        if name.endswith("num_batches_tracked"):
            assert int(tensor) == 2
            continue
        first, last = before.state_dict()[name].double(), tuned.state_dict()[name].double()
        wanted = first + share * (last - first)
        torch.testing.assert_close(tensor.double(), wanted, rtol=0, atol=1e-6)
    assert all(torch.equal(tuned.state_dict()[name], known[name]) for name in known)


def test_half_precision_comes_out_in_full() -> None:
    mean = mean_network(small(1).half(), small(2).half()).state_dict()
    first, last = small(1).half().float().state_dict(), small(2).half().float().state_dict()
    for name, tensor in mean.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, (first[name] + last[name]) / 2)


def measure_as(figures: dict[str, float]) -> Callable[[Measurer, str, Loaded], State]:
    """Measure forty images, of which a state is right on a known share."""

    def measure(self: Measurer, name: str, loaded: Loaded) -> State:
        self.count = 40
        right = np.arange(40) < 40 * figures[name]
        return State(name, loaded, {"map50_95": figures[name]}, ClassImages(right))

    return measure


@pytest.mark.parametrize(("figure", "taken"), [(0.9, True), (0.1, False)], ids=["better", "worse"])
def test_it_is_the_result_only_where_it_is_better(
    figure: float,
    taken: bool,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[dict] = []
    output = tmp_path / "tuned.pt"
    (folder := tmp_path / "job").mkdir()
    figures = {"before": 0.3, "last": 0.4, "mean": figure}
    monkeypatch.setattr(Measurer, "__call__", measure_as(figures))
    change = {"epochs": 1, "baseline": False, "output": str(output)}
    wanted = settings.model_copy(update=change)
    result = finetune(wanted, folder, emit=events.append)
    mean = {"share": 0.5, "figures": {"map50_95": figure}, "kept": taken}
    assert result["averaged"] == mean
    on = {"data": str(wanted.data), "split": "val", "images": 40, "image_size": 64}
    assert result["measured_on"] == on
    assert result["after"]["map50_95"] == (figure if taken else 0.4)
    assert result["chosen"] == ("mean" if taken else "last")
    assert [e["kept"] for e in events if e["event"] == "averaged"] == [taken]
    (told,) = [event for event in events if event["event"] == "chosen"]
    assert told["metrics"] == {name: {"map50_95": value} for name, value in figures.items()}
    start, last, best, copied = (
        core.load(path).model.float().state_dict()
        for path in (wanted.model, folder / "last.pt", folder / "best.pt", output)
    )
    for name, tensor in best.items():
        assert torch.equal(tensor, copied[name])
        if tensor.is_floating_point():
            mean = (start[name] + last[name]) / 2
            torch.testing.assert_close(tensor, mean if taken else last[name])
    record = core.load(output).facts.history[-1]
    assert record.get("averaged") == (0.5 if taken else None)
    # Ended by force right after: the same files again, and the mean is no epoch's state.
    again = finetune(wanted, folder, resume=True)
    assert (again["averaged"], again["after"]) == (result["averaged"], result["after"])
    for name, tensor in core.load(folder / "best.pt").model.float().state_dict().items():
        assert torch.equal(tensor, best[name])


def test_the_command_tells_and_leaves_it_out_where_it_is_not_wanted(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["finetune", settings.model, "--data", settings.data, "--epochs", "1", "--batch", "2"]
    words += ["--image-size", "64", "--device", "cpu", "--no-baseline"]
    assert main([*words, "--folder", str(tmp_path / "with")]) == 0
    assert "\nmean:   precision" in capsys.readouterr().out
    assert main([*words, "--folder", str(tmp_path / "without"), "--no-average"]) == 0
    assert "mean:" not in capsys.readouterr().out
    told = [event["event"] for event in read_events(tmp_path / "without")[0]]
    assert "done" in told and "averaged" not in told


@pytest.mark.parametrize(
    ("kept", "words"), [(True, "is the best state"), (False, "is not better than the best")]
)
def test_the_window_is_told(kept: bool, words: str) -> None:
    digest = Digest()
    digest.facts["best"] = 0.2
    digest.take({"event": "averaged", "share": 0.5, "metrics": {"map50_95": 0.25}, "kept": kept})
    assert words in digest.notes[-1] and "mAP50-95 0.2500" in digest.notes[-1]
    assert digest.facts["best"] == (0.25 if kept else 0.2)
