"""What tasks report grows with the work: never back, and with more than two steps in between."""

import contextlib
import itertools

import pytest

from core.engine.models import ModelStore
from core.engine.tasks import find_task
from core.errors import UserError
from core.progress import TimeLeft

PLAN = {"version": 1, "selection": [{"block": 4, "ratio": 0.5}, {"block": 6, "ratio": 0.5}]}
BLOCK = {"version": 1, "selection": [{"block": 5, "ratio": 0.25}]}
STEPWISE = {**PLAN, "strategy": "one_by_one"}
TO_TARGET = {"version": 1, "strategy": "one_by_one", "target": {"macs": 0.8}, "max_loss": 0.99}
BY_IMAGES = {"version": 1, "criterion": "taylor", "target": {"macs": 0.7}}
REPAIR = {"steps": ["bn", "refit"], "minutes": 5.0}


class Reports(list):
    """Collects what a task reports, and whether a partial result came with it."""

    def __call__(self, fraction, text):
        self.append((fraction, text))

    def partial(self, data):
        """Take it."""


@pytest.fixture
def data(scenes):
    return {"path": str(scenes), "images": 8, "image_size": 160, "batch": 2, "device": "cpu"}


@pytest.mark.parametrize(
    ("task", "more", "split"),
    [
        ("evaluate", {}, "val"),
        ("sensitivity", {"ratios": [0.5], "blocks": [2, 4, 6, 8]}, "val"),
        ("one_by_one", {"plan": STEPWISE, "output": "o.pt"}, "val"),
        ("one_by_one", {"plan": TO_TARGET, "output": "t.pt"}, "val"),
        ("prune", {"plan": PLAN, "output": "p.pt"}, "train"),
        ("prune", {"plan": PLAN, "output": "r.pt", "repair": REPAIR}, "train"),
        ("scores", {"criterion": "taylor"}, "train"),
        ("suggest", {"plan": BY_IMAGES}, "train"),
        ("check_data", {}, "train"),
        ("measure_front", {"plans": [PLAN, BLOCK], "repair": ["bn"]}, "val"),
        ("estimate_front", {"plans": [PLAN, BLOCK]}, "val"),
    ],
    ids=["evaluate", "sensitivity", "one_by_one", "to_target", "prune", "repair", "scores",
         "suggest", "check_data", "measure_front", "estimate_front"],
)  # fmt: skip
def test_shares_grow_with_the_work(task, more, split, trained, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reports, left = Reports(), TimeLeft()
    given = {"path": str(trained), **more}
    given["data"] = data["path"] if task == "check_data" else {**data, "split": split}
    with contextlib.suppress(UserError):  # so small a network may lose too much at every step
        find_task(task)(ModelStore(), given, reports)
    shares = [share for share, _ in reports]
    back = [(a, b) for a, b in itertools.pairwise(reports) if b[0] < a[0] - 1e-9]
    assert back == []
    assert 0 <= shares[0] <= 0.1
    assert shares[-1] <= 1
    assert len({share for share in shares if 0 < share < 1}) >= 2
    for share in shares:
        left.step(share)
    assert left.words  # there was a second step
