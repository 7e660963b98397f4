"""Targets in bytes and as a share of the time."""

from __future__ import annotations

from pathlib import Path

import pytest

import core
from core.errors import UserError
from core.plan.live import file_size
from core.plan.schema import Target, parse_plan
from core.plan.target import settled
from tests.core.networks import table_of


def made(target: dict, **more: object):
    return parse_plan({"version": 1, "round_to": 1, "target": target, **more})


@pytest.mark.parametrize("structure", [[], [{"scale": 32}]], ids=["channels", "scale"])
def test_a_file_of_a_size(structure: list, trained: Path, tmp_path: Path) -> None:
    wanted = 2_500_000
    plan = made({"file_bytes": wanted}, selection=structure)
    path = tmp_path / "small.pt"
    result = core.prune(core.load(trained), plan, path)
    predicted = file_size(result.prediction.after.parameters, "float16")
    assert predicted == pytest.approx(wanted, rel=0.02)
    assert path.stat().st_size == pytest.approx(wanted, rel=0.05)


def test_a_share_of_the_time_is_one_of_the_milliseconds() -> None:
    table = table_of("yolov8n")
    target = settled(Target(latency=0.7), table, "float32", 20.0)
    assert target is not None and target.latency_ms == pytest.approx(14.0)
    assert settled(Target(macs=0.7), table, "float32", None) == Target(macs=0.7)
    assert settled(Target(file_bytes=10**9), table, "float32", None) is None


def test_what_cannot_be_is_said(trained: Path) -> None:
    with pytest.raises(UserError, match="No network fits into 1,000 bytes"):
        core.predict(core.load(trained), made({"file_bytes": 1000}))
    with pytest.raises(UserError, match="removes nothing"):
        core.prune(core.load(trained), made({"file_bytes": 10**9}))
    with pytest.raises(UserError, match="exactly one of macs, params, latency_ms, latency, file"):
        made({"macs": 0.5, "latency": 0.5})
    with pytest.raises(UserError, match="latency"):
        made({"latency": 1.5})


def test_files_stay_as_earlier_versions_read_them() -> None:
    known = {"macs": 0.7, "params": None, "latency_ms": None}
    assert Target(macs=0.7).model_dump() == known
    assert parse_plan({"version": 1, "target": {"macs": 0.7}}).to_json()["target"] == known
    assert Target(file_bytes=5).model_dump()["file_bytes"] == 5
    again = parse_plan(made({"latency": 0.5}).to_json())
    assert again.target == Target(latency=0.5)
