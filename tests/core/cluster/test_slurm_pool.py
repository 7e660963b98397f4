"""Requests run by submitit's local executor give what this process gives; lost ones run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from core.cluster import slurm, slurm_pool
from core.cluster.place import Place
from core.cluster.pool import open_pool
from core.cluster.slurm_pool import SlurmPool
from core.errors import CancelledError, UserError
from core.system.paths import jobs_folder
from tests.core.cluster import deadly_errand
from tests.core.cluster.test_ray import TIMES, gathered, performed, request, same, scan
from tests.core.conftest import ROOT

pytestmark = pytest.mark.slow
pytest.importorskip("submitit", reason="needs the extra cluster")
PLACE = Place("slurm")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(slurm.LOCAL, "local")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(slurm_pool, "TICK_S", 0.1)


def left() -> list[Path]:
    return list((jobs_folder() / slurm_pool.FOLDER).glob("*"))


def test_a_pool_gives_what_this_process_gives(small: Any) -> None:
    good = request(*small)
    bad = {**good, "data": {**good["data"], "split": "nowhere"}}
    with open_pool(PLACE, "cpu") as pool:
        there = gathered(pool, "evaluate", [good, bad])
    here = performed("evaluate", [good, bad])
    for events in (*here, *there):
        for name in TIMES:
            events[-1].get("result", {}).pop(name, None)
    assert there == json.loads(json.dumps(here))
    assert left() == []


def test_figures_of_a_scan_are_those_of_one_process(small: Any) -> None:
    torch.set_num_threads(1)
    wanted = {"blocks": [2, 21], "ratios": [0.5]}
    assert same(scan(small, on=PLACE, **wanted), scan(small, **wanted))


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(slurm_pool, "Errand", deadly_errand.Errand)


def test_a_job_that_is_lost_is_done_again(dying: None, tmp_path: Path) -> None:
    requests = [{"mark": str(tmp_path / name), "deaths": n} for n, name in enumerate("abc")]
    with SlurmPool(PLACE) as pool:
        found = gathered(pool, "any", requests)
    assert [events[-1]["result"]["deaths"] for events in found] == [0, 1, 2]
    assert all(len(events) == 2 for events in found)  # what a lost one found does not count twice


def test_one_pool_runs_work_after_work(dying: None, tmp_path: Path) -> None:
    with SlurmPool(PLACE) as pool:
        for deaths in (0, 1):
            asked = [{"mark": str(tmp_path / str(deaths)), "deaths": deaths}]
            (events,) = gathered(pool, "any", asked)
            assert events[-1]["result"] == {"deaths": deaths}


def test_a_job_that_is_lost_again_and_again(dying: None, tmp_path: Path) -> None:
    asked = [{"mark": str(tmp_path / "a"), "deaths": 99}]
    with SlurmPool(PLACE) as pool, pytest.raises(UserError, match="ended 4 times without a result"):
        gathered(pool, "any", asked)
    assert (tmp_path / "a").read_text() == "xxxx"


def test_cancelling_ends_the_jobs(dying: None, tmp_path: Path) -> None:
    mark = tmp_path / "a"

    def progress(share: float, text: str) -> None:
        if mark.exists() and mark.read_text():
            raise CancelledError

    with SlurmPool(PLACE) as pool, pytest.raises(CancelledError):
        gathered(pool, "any", [{"mark": str(mark), "deaths": 0, "waits": True}], progress)
    process = int(mark.read_text())
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(process).wait(20)
        psutil.Process(process)
    assert left() == []


@pytest.mark.parametrize("now", ["gone", "replaced"])
def test_a_checkpoint_that_the_node_does_not_have(small: Any, now: str, tmp_path: Path) -> None:
    asked = request(*small)
    place = tmp_path / "copy.pt"
    place.write_bytes(Path(asked["path"]).read_bytes())

    def progress(share: float, text: str) -> None:
        if now == "gone":
            place.unlink(missing_ok=True)
        else:
            place.write_bytes(b"another")

    told = "cannot read" if now == "gone" else "is another file on the node"
    with SlurmPool(PLACE, "cpu") as pool, pytest.raises(UserError, match=told):
        gathered(pool, "evaluate", [{**asked, "path": str(place)}], progress)
