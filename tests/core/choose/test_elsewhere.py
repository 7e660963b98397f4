"""Scores whose images other processes look at are those of one process, to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core.choose.elsewhere import Elsewhere, _summed, numbers_of, text_of
from core.choose.ranking import Ranker
from core.cli.main import main
from core.cluster.place import Place
from core.cluster.tasks import perform
from core.data.stream import DataSettings
from core.errors import UserError
from core.graph.table import ChannelTable
from core.pipeline import analyse, load
from core.plan.criteria import CRITERIA, can_be_shared
from core.plan.masks import pack
from core.plan.resolve import Resolver
from core.plan.schema import Entry, Plan, Removal, Target
from core.plan.shrink import shrink_table
from core.plan.widths import Mask
from core.progress import Progress, silent
from core.pruning.surgery import cut_network
from core.settle import Settler
from core.structure.stage import stage_of
from tests.core.images import make_dataset

SHARED = [name for name in CRITERIA if can_be_shared(name)]


class Scattered:
    """Performs requests in this process, the last first, and mixes up their events."""

    device = "cpu"

    def __init__(self, room: int = 2) -> None:
        self.room, self.asked = room, 0

    def run(
        self, task: str, requests: Sequence[Any], progress: Progress = silent
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        told = []
        for place in reversed(range(len(requests))):
            self.asked += 1
            events = perform(task, json.loads(json.dumps(requests[place])), progress)
            told += [(place, event) for event in json.loads(json.dumps(events))]
        yield from told[::2]
        yield from told[1::2]


@pytest.fixture(scope="module")
def given_images(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    loaded = load(trained)
    data = make_dataset(tmp_path_factory.mktemp("data"), loaded.facts.classes, images=5)
    return loaded, DataSettings(data, images=5, image_size=64, batch=2, device="cpu")


def halved(table: ChannelTable) -> Mask:
    plan = Plan(selection=(Entry(block=4, ratio=0.5), Entry(block=15, ratio=0.3)))
    return Resolver(table).resolve(plan, np.arange(float(table.atom_count))).removed


def ranked(given_images: Any, criterion: str, there: Scattered | None, removed: Any = None) -> Any:
    loaded, data = given_images
    table = analyse(loaded).table
    model, left = loaded.model, table
    if removed is not None:
        model, left = cut_network(model, table, removed), shrink_table(table, removed)
    plan = Plan(criterion=criterion)
    shared = None if there is None else Elsewhere(there, loaded, plan, table)
    ranker = Ranker(loaded, plan, data, cache=False, elsewhere=shared)
    return ranker.rank(model, left).scores


@pytest.mark.parametrize("criterion", SHARED)
@pytest.mark.parametrize("room", [1, 3])
def test_scores_are_those_of_one_process(given_images: Any, criterion: str, room: int) -> None:
    pool = Scattered(room)
    there = ranked(given_images, criterion, pool)
    assert pool.asked > 1
    assert there.tobytes() == ranked(given_images, criterion, None).tobytes()


def test_of_a_network_that_was_cut(given_images: Any) -> None:
    table = analyse(given_images[0]).table
    removed = halved(table)
    pool = Scattered()
    there = ranked(given_images, "fisher", pool, removed)
    assert pool.asked > 1
    assert there.tobytes() == ranked(given_images, "fisher", None, removed).tobytes()
    assert there.tobytes() != ranked(given_images, "fisher", None).tobytes()


def test_criteria_that_cannot_be_shared_rank_here(given_images: Any) -> None:
    for criterion in sorted(set(CRITERIA) - set(SHARED)):
        pool = Scattered()
        there = ranked(given_images, criterion, pool)
        assert pool.asked == 0
        assert there.tobytes() == ranked(given_images, criterion, None).tobytes()
    assert {"fisher", "taylor", "hessian", "activation"} == set(SHARED)


@pytest.mark.parametrize(
    "change",
    [
        {"target": Target(macs=0.9), "allocation": "cost"},
        {"target": Target(params=0.95), "allocation": "uniform"},
        {"target": Target(macs=0.8), "structure": (Removal(scale=32),), "allocation": "cost"},
    ],
)
def test_a_suggestion_is_that_of_one_process(given_images: Any, change: dict[str, Any]) -> None:
    """In rounds, of what was cut before; by one ranking; and of what structure leaves."""
    loaded, data = given_images
    plan = Plan(criterion="taylor", **change)
    pool = Scattered()
    there = Settler(loaded, data, cache=False, pool=pool).settle(plan)
    here = Settler(loaded, data, cache=False).settle(plan)
    assert pool.asked > 1
    assert there.plan == here.plan
    assert np.array_equal(there.resolution.removed, here.resolution.removed)


def test_what_is_in_the_cache_is_not_looked_at_again(given_images: Any) -> None:
    loaded, data = given_images
    table, plan = analyse(loaded).table, Plan(criterion="activation")
    here = Ranker(loaded, plan, data).rank(loaded.model, table)
    pool = Scattered()
    ranker = Ranker(loaded, plan, data, elsewhere=Elsewhere(pool, loaded, plan, table))
    there = ranker.rank(loaded.model, table)
    assert pool.asked == 0 and there.file == here.file
    assert there.scores.tobytes() == here.scores.tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images_sha256": "0" * 64}, "are not those the work began with"),
        ({"weights": "0" * 64}, "is another one there than here"),
        ({"removed": ""}, "is another one there than here"),
    ],
)
def test_other_images_or_weights_there_are_refused(
    given_images: Any, change: dict[str, str], message: str
) -> None:
    class Other(Scattered):
        def run(self, task: str, requests: Sequence[Any], progress: Progress = silent) -> Any:
            return super().run(task, [{**one, **change} for one in requests], progress)

    if "removed" in change:
        change = {"removed": pack(halved(analyse(given_images[0]).table))}
    with pytest.raises(UserError, match=message):
        ranked(given_images, "activation", Other())


def test_structure_is_taken_away_there_as_here(given_images: Any) -> None:
    loaded, data = given_images
    plan = Plan(criterion="activation", structure=(Removal(scale=32),))
    stage = stage_of(loaded, plan)
    table, pool = stage.analysis.table, Scattered()
    there = Elsewhere(pool, loaded, plan, table)
    found = [
        Ranker(stage.loaded, plan, data, cache=False, elsewhere=one).rank(stage.loaded.model, table)
        for one in (there, None)
    ]
    assert pool.asked > 1
    assert found[0].scores.tobytes() == found[1].scores.tobytes()


class Told:
    """Hands on numbers as batches, in an order of its own."""

    device = "cpu"

    def __init__(self, batches: Any, room: int, order: list[int]) -> None:
        self.room, self._batches, self._order = room, batches, order

    def run(self, task: str, requests: Any, progress: Progress = silent) -> Any:
        events = []
        for place, request in enumerate(requests):
            for number in range(*request["batches"]):
                data = {"batch": number, "sum": text_of(self._batches[number])}
                events.append((place, {"event": "partial", "data": data}))
        yield from (events[n] for n in self._order)
        yield from ((place, {"event": "done", "result": {}}) for place in range(len(requests)))


@given(st.data())
def test_sums_do_not_depend_on_how_batches_are_shared_out(data: st.DataObject) -> None:
    count, room = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 50))
    order = data.draw(st.permutations(range(count)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    batches = rng.standard_normal((count, 3)) * 10.0 ** rng.integers(-200, 200, (count, 3))
    wanted = np.zeros(3)
    for batch in batches:
        wanted += batch
    found = _summed(Told(batches, room, list(order)), {}, 3, count, silent)
    assert found.tobytes() == wanted.tobytes()


@given(st.lists(st.floats(), max_size=9))
def test_numbers_come_back_to_the_last_bit(values: list[float]) -> None:
    numbers = np.array(values, float)
    assert numbers_of(text_of(numbers)).tobytes() == numbers.tobytes()


def test_descriptions_have_no_weights_to_send(given_images: Any) -> None:
    plan = Plan(criterion="fisher", target=Target(macs=0.9))
    with pytest.raises(UserError, match="without weights"):
        core.suggest(load("yolov8n.yaml"), plan, given_images[1], on=Place("ray"))


@pytest.mark.parametrize("criterion", ["l2", "random", "separability", "bn_scale"])
@pytest.mark.parametrize("place", ["ray", "slurm:gpu"])
def test_a_place_without_work_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], criterion: str, place: str
) -> None:
    plan = tmp_path / "goal.json"
    plan.write_text(json.dumps({"version": 1, "criterion": criterion, "target": {"macs": 0.8}}))
    assert main(["suggest", str(trained), "--plan", str(plan), "--on", place]) == 1
    said = capsys.readouterr().err
    assert f"“{criterion}” ranks in this process" in said and place in said
    assert "use one of fisher, taylor, hessian, activation." in said
