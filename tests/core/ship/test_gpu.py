"""On a real GPU times are measured in both precisions, and tables of layers predict them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import core
from core.cli.main import main
from core.plan.schema import Plan, Target
from core.ship.latency.table import build_latency, describe_here

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]
SIZE = 320


def test_both_precisions_are_timed(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--device", "cuda", "--runtime", "torch", "--batch", "1,8", "--repeats", "10"]
    assert main(["latency", "yolov8n.yaml", *options, "--image-size", str(SIZE), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = {(row["precision"], row["batch"]): row["ms"]["median"] for row in told["timings"]}
    assert set(rows) == {(kind, batch) for kind in ("fp32", "fp16") for batch in (1, 8)}
    assert all(ms > 0 for ms in rows.values())
    assert torch.cuda.get_device_name(0) in json.dumps(told)


@pytest.mark.parametrize("half", [False, True])
def test_a_table_predicts_the_network_it_was_made_for(half: bool) -> None:
    loaded = core.load("yolov8n.yaml")
    table = core.analyse(loaded, cache=False).table
    about = describe_here("torch", batch=8, image_size=SIZE, half=half)
    assert (about["kind"], about["precision"]) == ("gpu", "fp16" if half else "fp32")
    times = build_latency(loaded.model, table, "0" * 64, about, cache=False)
    assert times.measured_ms > 0
    assert times.error < 0.5


def test_a_target_in_time_is_met_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plan, model = tmp_path / "plan.json", "yolov8s.yaml"
    wanted = Plan(criterion="l2", target=Target(latency=0.8), round_to="auto")
    plan.write_text(json.dumps(wanted.to_json()))
    options = ["--device", "cuda", "--runtime", "torch", "--batch", "32", "--image-size", "640"]
    assert main(["latency-table", model, *options]) == 0
    capsys.readouterr()
    assert main(["suggest", model, "--plan", str(plan), "--json"]) == 0
    times = json.loads(capsys.readouterr().out)["times"]
    assert times["share"] < 0.85
