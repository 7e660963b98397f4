"""Requests run by Ray give what this process gives, also when nodes are lost; nothing is left."""

import psutil
import pytest
import torch

from core.cluster import ray_pool, worker
from core.cluster.pool import open_pool, raise_failed
from core.cluster.tasks import perform
from core.data.stream import ALL, DataSettings
from core.errors import CancelledError, UserError
from core.measure import sensitivity
from core.pipeline import load
from core.plan.schema import Plan
from core.progress import silent
from core.system.files import sha256_of
from tests.core.cluster import deadly

pytestmark = pytest.mark.slow
TIMES = ("milliseconds", "preprocess", "postprocess")
RANDOM = Plan(criterion="random", round_to=1)


def request(path, data, **more):
    used = DataSettings(data, images=ALL, image_size=64, split="val", device="cpu")
    return {"path": str(path), "sha256": sha256_of(path), "data": used.to_json(), **more}


def gathered(pool, task, requests, progress=lambda share, text: None):
    found = {}
    for place, event in pool.run(task, requests, progress):
        found.setdefault(place, []).append(event)
    return [found[place] for place in sorted(found)]


def performed(task, requests):
    """Do in this process what a pool does elsewhere."""
    return [perform(task, request, silent) for request in requests]


def scan(small, output=None, **options):
    path, data = small
    used = DataSettings(data, images=ALL, image_size=96, split="val", device="cpu", batch=2)
    options = {"plan": RANDOM, "blocks": [2, 9, 15, 21], "ratios": [0.5, 0.9], **options}
    return sensitivity(load(path), used, output, **options)


@pytest.fixture(scope="session")
def whole(small):
    return scan(small)


def same(one, other):
    return (one.baseline, one.points, one.unprunable) == (
        other.baseline, other.points, other.unprunable
    )  # fmt: skip


def test_a_pool_gives_what_this_process_gives(cluster, place, small):
    """Results, and errors of some requests as events of theirs; the network travels along."""
    good = request(*small)
    bad = {**good, "data": {**good["data"], "split": "nowhere"}}
    requests = [good, bad, {**good, "data": {**good["data"], "images": 2}}]
    with open_pool(place, "cpu") as pool:
        assert (pool.room, pool.nodes, pool.device) == (2, 2, "cpu")
        there = gathered(pool, "evaluate", requests)
    here = performed("evaluate", requests)
    for events in (*here, *there):
        for name in TIMES:
            events[-1].get("result", {}).pop(name, None)
    assert there == here
    assert [events[-1]["event"] for events in there] == ["done", "failed", "done"]
    with pytest.raises(UserError, match="nowhere"):
        raise_failed(there[1][-1])


@pytest.mark.parametrize("threads", [2])
def test_figures_of_a_scan_are_those_of_one_process(cluster, place, small, threads):
    torch.set_num_threads(threads)
    assert same(scan(small, on=place), scan(small))


def test_a_scan_resumes_wherever_it_began(cluster, place, small, whole, tmp_path):
    class Stop:
        points = 0

        def __call__(self, share, text):
            if self.points > 3:
                raise CancelledError

        def partial(self, data):
            self.points += 1

    with pytest.raises(CancelledError):
        scan(small, tmp_path / "s.jsonl", on=place, progress=Stop())
    again = scan(small, tmp_path / "s.jsonl")
    assert again.resumed >= 3
    assert same(again, whole)
    assert scan(small, tmp_path / "s.jsonl", on=place).resumed == len(whole.points)


def test_a_node_that_dies_costs_nothing_but_time(place, small, whole, killer):
    """One that runs half of it is killed once the first points are there."""

    class AfterAPoint:
        def __call__(self, share, text):
            pass

        def partial(self, data):
            if data["block"] is not None:
                killer.kill()

    found = scan(small, on=place, progress=AfterAPoint())
    assert killer.killed
    assert same(found, whole)


def test_tasks_that_fit_no_node_any_more_take_less(place, small, killer):
    """They reserve two cores, which only the node has that is killed before one is done."""
    torch.set_num_threads(2)
    requests = [request(*small)] * 2
    with open_pool(place, "cpu") as pool:
        there = gathered(pool, "evaluate", requests, lambda share, text: killer.kill())
    assert killer.killed
    here = performed("evaluate", requests)
    for events in (*here, *there):
        for name in TIMES:
            events[-1]["result"].pop(name, None)
    assert there == here


def test_a_worker_that_dies_is_replaced_and_its_events_come_once(
    cluster, place, tmp_path, monkeypatch
):
    monkeypatch.setattr(ray_pool, "work", deadly.work)
    requests = [{"mark": str(tmp_path / f"{n}"), "deaths": n} for n in range(3)]
    with open_pool(place, "cpu") as pool:
        found = gathered(pool, "any", requests)
    assert [[event["event"] for event in events] for events in found] == [["partial", "done"]] * 3
    assert [events[1]["result"]["deaths"] for events in found] == [0, 1, 2]


def test_one_that_dies_again_and_again_is_one_line(cluster, place, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_pool, "work", deadly.work)
    with open_pool(place, "cpu") as pool, pytest.raises(UserError, match="again and again") as told:
        gathered(pool, "any", [{"mark": str(tmp_path / "m"), "deaths": 99}])
    assert "\n" not in str(told.value)


def test_cancelled_nothing_keeps_running(cluster, place, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_pool, "work", deadly.work)
    marks = [tmp_path / str(n) for n in range(5)]

    def progress(share, text):
        if sum(mark.exists() and bool(mark.read_text()) for mark in marks) == 2:
            raise CancelledError

    with open_pool(place, "cpu") as pool, pytest.raises(CancelledError):
        gathered(pool, "any", [{"mark": str(mark), "waits": True} for mark in marks], progress)
    numbers = [int(mark.read_text()) for mark in marks if mark.exists()]
    _, alive = psutil.wait_procs([psutil.Process(n) for n in numbers if psutil.pid_exists(n)], 20)
    assert len(numbers) == 2 and not alive


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"path": "/nowhere/at/all.yaml"}}, "Node .* cannot read the dataset /nowhere/at"),
        ({"versions": {"torch": "1.0"}}, "Node .* has torch .*, this computer 1.0"),
        ({"versions": {"secateur": "9"}}, "Node .* has secateur .*, this computer 9"),
    ],
)
def test_what_a_node_lacks_is_one_line_that_names_it(
    cluster, place, small, change, message, monkeypatch
):
    told = {**worker.versions(), **change.pop("versions", {})}
    monkeypatch.setattr(ray_pool, "versions", lambda: told)
    with open_pool(place, "cpu") as pool, pytest.raises(UserError, match=message) as refused:
        gathered(pool, "evaluate", [{**request(*small), **change}])
    assert refused.value.hint and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("task", "more"), [("cuts", {"cuts": []}), ("judge", {"plan": None, "repair": None})]
)
def test_other_images_elsewhere_are_refused(small, task, more):
    asked = request(*small, images_sha256="0" * 64, **more)
    ((failed,),) = performed(task, [asked])
    assert "are not those the work began with" in failed["message"]


def test_a_network_that_changed_is_not_sent(cluster, place, small, tmp_path):
    path = tmp_path / "other.pt"
    path.write_bytes(small[0].read_bytes())
    asked = request(path, small[1])
    path.write_bytes(b"another")
    with open_pool(place, "cpu") as pool, pytest.raises(UserError, match="was replaced"):
        gathered(pool, "evaluate", [asked])


def test_descriptions_have_no_weights_to_send(cluster, place, small):
    with pytest.raises(UserError, match="without weights"):
        scan(("yolov8n.yaml", small[1]), on=place)
