"""A measured front whose networks are judged by Ray has the accuracies of one process."""

import pytest

from core.compare.front import known_front, measure_front
from core.data.stream import ALL, DataSettings
from core.pipeline import load
from core.plan.schema import Entry, Plan
from core.repair import RepairSettings

pytestmark = pytest.mark.slow
PLANS = [
    Plan(selection=(Entry(layer="model.5.conv", channels=(0, 1, 2, 3)),), round_to=1),
    Plan(selection=(Entry(block=5, ratio=0.0),)),
    Plan(selection=(Entry(layer="model.5.conv", channels=tuple(range(96))),), round_to=1),
]


class Heard(list):
    def __call__(self, share, text):
        pass

    def partial(self, data):
        self.append(data)


def accuracies(found):
    points = [found.base, *found.points]
    return [point and (point.accuracy, point.low, point.high, point.images) for point in points]


@pytest.fixture
def measuring(small, monkeypatch):
    """What measures the front of `PLANS`: a loaded network, plans, data and repair."""
    monkeypatch.setattr("core.compare.bench.TURNS", 2)
    data = DataSettings(small[1], images=ALL, image_size=96, device="cpu", split="val")
    return load(small[0]), PLANS, data, RepairSettings(steps=("bn",), minutes=5.0)


@pytest.fixture(scope="module")
def here():
    """The front as this process measures it; made once."""
    return {}


def measured_here(here, measuring):
    if not here:
        here["front"] = measure_front(*measuring, cache=False)
    return here["front"]


def test_accuracies_and_refusals_are_those_of_one_process(
    cluster, place, measuring, here, monkeypatch, tmp_path
):
    wanted = measured_here(here, measuring)
    heard = Heard()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    there = measure_front(*measuring, on=place, progress=heard)
    assert accuracies(there) == accuracies(wanted)
    assert there.refused == wanted.refused and set(there.refused) == {1}
    assert [point["plan"] for point in heard] == [None, 0, 1, 2]
    assert known_front(*measuring).points == there.points


def test_a_node_that_dies_costs_nothing_but_time(place, measuring, here, killer):
    there = measure_front(*measuring, on=place, cache=False, progress=killer)
    assert killer.killed
    wanted = measured_here(here, measuring)
    assert accuracies(there) == accuracies(wanted) and there.refused == wanted.refused
