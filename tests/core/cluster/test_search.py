"""A search whose networks are made elsewhere finds the accuracies of one process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from core.cluster import slurm, slurm_pool
from core.cluster.place import Place
from core.errors import CancelledError
from core.pipeline import load
from core.plan.schema import Plan
from core.search import records
from core.search.run import search
from core.search.settings import parse_search
from core.search.study import StoppedError
from core.search.trial import Workbench
from core.system.files import sha256_of
from tests.core.cluster.conftest import STORE

pytestmark = pytest.mark.slow


def found(source: Any, folder: Path, on: Place | None = None, progress: Any = None, **given: Any):
    told = {
        "model": str(source[0]), "data": str(source[1]), "budget": {"macs": 0.8}, "images": 4,
        "image_size": 96, "device": "cpu", "repair": ["bn"], "trials": 3, "at_once": 3,
        "plan": Plan(criterion="l2").to_json(), **given,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.compare.bench.TURNS", 2)
        patch.setattr(Workbench, "int8", lambda *_: {"format": "openvino", "missing": "Not asked."})
        show = progress or (lambda share, text: None)
        return search(load(source[0]), parse_search(told), folder, on=on, progress=show)


def accuracies(result: Any) -> list[Any]:
    """Of every trial after repair, with its interval; and what it is of."""
    wanted = ("accuracy", "low", "high", "images", "metric", "repair", "image_size")
    told = []
    for record in result.trials:
        point = record.get("repaired") or record.get("point") or {}
        told.append([record["state"], record.get("key"), *(point.get(name) for name in wanted)])
    return told


@pytest.fixture(scope="module")
def source(trained: Path, scenes: Path) -> tuple[Path, Path]:
    """A trained network and images that it finds something in."""
    return trained, scenes


@pytest.fixture(scope="module")
def here(source: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.set_num_threads(1)
    return found(source, tmp_path_factory.mktemp("here"))


def test_a_node_that_dies_costs_nothing_but_time(
    cluster: Any, place: Place, source: Any, here: Any, tmp_path: Path
) -> None:
    """The one that runs most is killed while the first networks are made."""
    node = cluster.add_node(num_cpus=4, object_store_memory=STORE)
    killed = []

    def progress(share: float, text: str) -> None:
        if "Trials 1 to 3" in text and "by Ray" in text:
            killed.append(text)
            if len(killed) == 5:
                cluster.remove_node(node, allow_graceful=False)

    there = found(source, tmp_path, place, progress, tune_minutes=0.01)
    assert len(killed) > 5
    assert accuracies(there) == accuracies(here)
    assert all(record["point"]["accuracy"] > 0 for record in there.trials)
    tuned = [record for record in there.trials if record.get("tuning")]
    assert tuned and all(record["tuning"]["epochs"] >= 1 for record in tuned)
    assert not any(record.get("tune_failed") for record in there.trials)
    for record in there.front:
        assert Path(record["file"]).parent in (tmp_path, source[0].parent)
        assert load(record["file"]).facts.sha256


def test_jobs_of_slurm_make_networks_and_one_process_continues(
    source: Any, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit", reason="needs the extra cluster")
    monkeypatch.setenv(slurm.LOCAL, "local")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(slurm_pool, "TICK_S", 0.1)

    class Stop:
        def __call__(self, share: float, text: str) -> None:
            journal = tmp_path / "search" / records.JOURNAL
            if journal.exists() and b'"stage": "made"' in journal.read_bytes():
                raise CancelledError

    given = {"at_once": 2, "trials": 2}
    with pytest.raises(StoppedError):
        found(source, tmp_path / "search", Place("slurm"), Stop(), **given)
    lines = (tmp_path / "search" / records.JOURNAL).read_text().splitlines()
    made = next(part for line in lines if (part := json.loads(line).get("part")))
    network = tmp_path / "search" / f"trial-{made['trial']:03}.pt"
    assert sha256_of(network) == made["sha256"]
    since = network.stat().st_mtime_ns
    there = found(source, tmp_path / "search", **given)
    assert accuracies(there) == accuracies(here)[:2]
    assert not network.exists() or network.stat().st_mtime_ns == since  # it was not made again
