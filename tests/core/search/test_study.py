"""The search itself: what is drawn, resumed and kept, with figures that are given."""

from __future__ import annotations

import hashlib
import json
import signal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli.commands.search import search_text
from core.data.resample import RESAMPLES
from core.errors import CancelledError, UserError
from core.plan.schema import Entry, Plan, Removal, Target
from core.search import records
from core.search.settings import SearchSettings, TrialRequest
from core.search.space import Space, Subject, Suggested
from core.search.study import IDLE, Search, StoppedError, spread
from core.system.signals import EndedError
from core.system.size import ImageSize

BUDGET = Target(latency=0.7)
PLANS = tuple(
    Plan(selection=(Entry(layer="model.5.conv", channels=tuple(range(n))),)) for n in (8, 16, 24)
)
REMOVALS = (
    ("model.2.m.0", Removal(block=2, units=(0,))),
    ("the scale of stride 8", Removal(scale=8)),
)


def point(ms: float, accuracy: float) -> dict:
    known = {"latency_low": ms, "latency_high": ms, "low": accuracy, "high": accuracy}
    told = {"metric": "map50_95", "images": 8, "image_size": 320, "runtime": "torch"}
    return {"latency_ms": ms, "accuracy": accuracy, **known, **told, "seconds": 1.0, "repair": ""}


class Given:
    """Trials whose figures follow from their settings alone; they end as often as they are told.

    With ``order``, they are made elsewhere: in that order, none knowing the others of its batch.
    """

    def __init__(
        self, *, until=None, refuse=lambda settings: False, ending=None, order=None
    ) -> None:
        self.space = Space(Subject(ImageSize(320, 320), 32, BUDGET, Plan(), REMOVALS))
        self.asked: list[TrialRequest] = []
        self.tuned_ones: list[int] = []
        self.order = order
        self.until, self.refuse, self.suggestions = until, refuse, 0
        self.ending = ending or CancelledError()

    def unpruned(self, progress=None) -> dict:
        return {"point": point(10.0, 0.7), "parameters": 100, "macs": 100}

    def int8(self, progress=None) -> dict:
        return {"format": "openvino", "point": point(6.0, 0.69), "figures": {"map50_95": 0.69}}

    def suggested(self, progress=None) -> list[Suggested]:
        self.suggestions += 1
        return [Suggested(a, plan) for a, plan in zip((1.0, 0.8, 1.2), PLANS, strict=True)]

    def made(self, requests, progress=None):
        places = list(range(len(requests)))
        known = requests[0].known
        if self.order is not None:
            self.order.shuffle(places)
        for place in places:
            if self.until is not None and len(self.asked) >= self.until:
                raise self.ending
            request = requests[place]
            self.asked.append(request)
            yield place, self.make(request, known)
            if self.order is None:
                known = {key_of(request): request.number, **known}

    def make(self, request: TrialRequest, known) -> dict:
        told = {"trial": request.number, "settings": request.settings, "seconds": 1.0}
        if self.refuse(request.settings):
            return {**told, "state": "refused", "message": "It cannot be."}
        key = key_of(request)
        if key in known:
            return {**told, "state": "same", "same_as": known[key], "key": key}
        content = f"network {key}".encode()
        Path(request.output).write_bytes(content)
        judged = judged_of(int(key[4:8], 16) / 65536)
        network = {"report": {"plan": None}, "steps": "bn", "judged": judged}
        return {**told, "state": "made", "key": key, **network, "sha256": hash_of(content)}

    def is_there(self, request, part) -> bool:
        path = Path(request.output)
        return path.is_file() and hash_of(path.read_bytes()) == part["sha256"]

    def measured(self, request, made, progress=None) -> dict:
        ms = 10 * request.settings["amount"] * int(made["key"][:4], 16) / 65536 + 1
        told = {"point": point(ms, made["judged"]["figures"]["map50_95"]), "figures": {}}
        return {**told, "report": made["report"], "file": request.output}

    def tuned(self, requests, made, progress=None):
        for place, request in enumerate(requests):
            if self.until is not None and len(self.asked) + len(self.tuned_ones) >= self.until:
                raise self.ending
            self.tuned_ones.append(request.number)
            before = Path(request.output).read_bytes()
            assert hash_of(before) == made[place]["sha256"]
            Path(request.output).write_bytes(before + b" tuned")
            judged = judged_of(min(1.0, made[place]["judged"]["figures"]["map50_95"] + 0.1))
            told = {"tuning": {"epochs": 1, "seconds": 1.0}, "judged": judged}
            yield place, {**told, "sha256": hash_of(before + b" tuned")}

    def again(self, request, record, tuned) -> dict:
        ms = record["point"]["latency_ms"]
        now = point(ms, tuned["judged"]["figures"]["map50_95"])
        return {"repaired": record["point"], "point": now, "tuning": tuned["tuning"]}


def key_of(request: TrialRequest) -> str:
    text = json.dumps([request.settings, request.plan])
    return hashlib.sha256(text.encode()).hexdigest()


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def judged_of(accuracy: float) -> dict:
    told = {"figures": {"map50_95": accuracy}, "images": 8, "seconds": 1.0}
    return {**told, "resampled": [accuracy, None] * (RESAMPLES // 2)}


def settings(**given) -> SearchSettings:
    told = {"model": "a.pt", "data": "a.yaml", "budget": BUDGET, "trials": 24, "minutes": 1e6}
    return SearchSettings(**{**told, **given})


def searched(folder: Path, bench: Given | None = None, progress=lambda *_: None, **given):
    bench = bench or Given()
    return Search(bench, settings(**given), "sha", folder, clock=lambda: 0.0).run(progress)


def told(found) -> list:
    return [(t["settings"], t["state"], t.get("point")) for t in found.trials]


def test_the_same_seed_searches_the_same(tmp_path) -> None:
    one, two = searched(tmp_path / "a"), searched(tmp_path / "b")
    assert told(one) == told(two)
    assert told(one) != told(searched(tmp_path / "c", seed=1))


@pytest.mark.parametrize("ended", [0, 1, 3, 11, 17])
def test_a_search_that_was_cut_off_goes_on_as_if_it_had_not_been(tmp_path, ended: int) -> None:
    whole = searched(tmp_path / "whole")
    with pytest.raises(StoppedError) as stop:
        searched(tmp_path / "cut", Given(until=ended))
    assert len(stop.value.found.trials) == ended
    again = Given()
    found = searched(tmp_path / "cut", again)
    assert told(found) == told(whole)
    assert found.resumed == ended
    assert again.suggestions == 0  # the suggestion was kept, too
    assert len(again.asked) == len(whole.trials) - ended


@pytest.mark.parametrize(
    ("ended", "wanted"),
    [(CancelledError(), StoppedError), (KeyboardInterrupt(), StoppedError),
     (EndedError(signal.SIGTERM), EndedError)],
)  # fmt: skip
def test_what_was_measured_is_there_however_it_ended(tmp_path, ended, wanted) -> None:
    with pytest.raises(wanted):
        searched(tmp_path / "search", Given(until=4, ending=ended))
    assert searched(tmp_path / "search").resumed == 4


def test_a_record_that_a_kill_cut_short_is_measured_again(tmp_path) -> None:
    whole = searched(tmp_path / "whole")
    with pytest.raises(StoppedError):
        searched(tmp_path / "cut", Given(until=12))
    journal = tmp_path / "cut" / records.JOURNAL
    journal.write_bytes(journal.read_bytes()[:-20])
    found = searched(tmp_path / "cut")
    assert found.resumed == 11
    assert told(found) == told(whole)


def test_what_comes_after_a_damaged_record_is_measured_again(tmp_path) -> None:
    whole = searched(tmp_path / "whole")
    searched(tmp_path / "damaged")
    journal = tmp_path / "damaged" / records.JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    bad = next(n for n, line in enumerate(lines) if b'"trial": 5' in line)
    lines[bad] = lines[bad].replace(b'"latency_ms"', b'"latency"')
    journal.write_bytes(b"".join(lines))
    found = searched(tmp_path / "damaged")
    assert found.resumed == 5
    assert told(found) == told(whole)
    assert told(searched(tmp_path / "damaged")) == told(whole)  # the newer records count


def test_it_begins_with_what_one_suggestion_gives(tmp_path) -> None:
    bench = Given()
    searched(tmp_path / "search", bench)
    first = bench.asked[: len(PLANS)]
    assert [request.plan for request in first] == [plan.to_json() for plan in PLANS]
    assert [request.settings["amount"] for request in first] == [1.0, 0.8, 1.2]
    usual = bench.space.usual
    assert all({**r.settings, "amount": 1.0} == usual for r in first)
    sizes = [r.settings["image_size"] for r in bench.asked[3:7]]
    assert sorted([*sizes, 320]) == bench.space.axes["image_size"]
    assert not any(request.plan for request in bench.asked[3:])


def test_networks_that_were_measured_are_named_to_later_trials(tmp_path) -> None:
    bench = Given()
    found = searched(tmp_path / "search", bench, trials=60)
    last = bench.asked[-1]
    measured = records.measured(found.trials[:-1])
    assert last.known == {t["key"]: t["trial"] for t in measured}


def test_the_networks_of_the_front_are_kept_and_no_others(tmp_path) -> None:
    heard = []
    progress = type("P", (), {"__call__": lambda *_: None, "partial": lambda s, d: heard.append(d)})
    found = searched(tmp_path / "search", progress=progress())
    kept = sorted(path.name for path in (tmp_path / "search").glob("*.pt"))
    assert kept == sorted(Path(record["file"]).name for record in found.front)
    assert len(found.trials) == 24
    assert heard[-1]["front"] == [record["trial"] for record in found.front]
    assert [one["trial"]["trial"] for one in heard[1:]] == list(range(24))


def test_a_file_elsewhere_is_never_removed(tmp_path) -> None:
    own, other = tmp_path / "search", tmp_path / "model.pt"
    own.mkdir()
    other.write_bytes(b"")
    worse = {"trial": 1, "state": "measured", "point": point(9.0, 0.1), "file": str(other)}
    assert records.prune_files([worse], [], own) == []
    assert other.is_file()


def test_refused_points_count_as_trials(tmp_path) -> None:
    found = searched(tmp_path / "search", Given(refuse=lambda s: s["criterion"] != "l2"))
    states = {t["state"] for t in found.trials}
    assert len(found.trials) == 24
    assert "refused" in states
    assert all(t["settings"]["criterion"] == "l2" for t in records.measured(found.trials))


def test_a_space_that_is_used_up_ends_the_search(tmp_path) -> None:
    found = searched(tmp_path / "search", Given(refuse=lambda s: True), trials=1000)
    assert len(found.trials) == IDLE
    assert found.front == ()


def test_time_ends_a_search_and_more_time_continues_it(tmp_path) -> None:
    times = iter(range(0, 100_000, 15))
    bench = Given()
    folder = tmp_path / "search"
    made = Search(bench, settings(minutes=1.0), "sha", folder, clock=lambda: float(next(times)))
    assert len(made.run().trials) == 4  # of 15 seconds each
    again = Search(bench, settings(minutes=2.0), "sha", folder, clock=lambda: float(next(times)))
    found = again.run()
    assert (len(found.trials), found.resumed) == (8, 4)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"seed": 1}, "other seed"),
        ({"budget": Target(macs=0.5)}, "other budget"),
        ({"tune_minutes": 1.0}, "other tune minutes"),
        ({"images": 20}, "other images"),
        ({"plan": Plan(locked=(3,)).to_json()}, "other plan"),
    ],
)
def test_a_folder_of_another_search_is_refused(tmp_path, other: dict, words: str) -> None:
    searched(tmp_path / "search", trials=2)
    before = (tmp_path / "search" / records.JOURNAL).read_bytes()
    with pytest.raises(UserError, match=words):
        searched(tmp_path / "search", trials=2, **other)
    assert (tmp_path / "search" / records.JOURNAL).read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path) -> None:
    (tmp_path / "search").write_text("a file")
    with pytest.raises(UserError, match="Could not make the folder"):
        searched(tmp_path / "search")


def test_the_storage_holds_plain_lines_of_json(tmp_path) -> None:
    searched(tmp_path / "search", trials=3)
    files = [path.name for path in (tmp_path / "search").iterdir() if path.suffix != ".pt"]
    assert files == [records.JOURNAL]
    for line in (tmp_path / "search" / records.JOURNAL).read_text().splitlines():
        json.loads(line)


@given(
    st.lists(
        st.tuples(st.floats(1, 100, width=16), st.floats(0, 1, width=16)), min_size=0, max_size=24
    )
)
def test_nothing_beats_the_front_and_the_front_beats_the_rest(points: list) -> None:
    trials = [
        {"trial": n, "state": "measured", "point": point(*one)} for n, one in enumerate(points)
    ]
    found = records.front(trials)
    places = [records.point_of(record) for record in found]
    assert places == sorted(places)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(places))
    for ms, accuracy in points:
        assert any(at <= ms and best >= accuracy for at, best in places)


@given(st.lists(st.floats(0.1, 3.0), min_size=0, max_size=20))
def test_the_suggestion_comes_first_and_what_is_far_off_is_left_out(amounts: list) -> None:
    space = Given().space
    made = spread([Suggested(1.0, PLANS[0]), *(Suggested(a, PLANS[1]) for a in amounts)], space)
    assert made[0].plan is PLANS[0]
    assert len(made) <= 4
    low, high = space.axes["amount"][0], space.axes["amount"][-1]
    assert all(low <= one.amount <= high for one in made)


@pytest.mark.parametrize("told", [{}, {"missing": "nncf is not installed."}])
def test_int8_that_was_not_measured_is_tried_again(tmp_path, told: dict) -> None:
    class Without(Given):
        def int8(self, progress=None) -> dict:
            return {"format": "openvino", "missing": "", **told}

    assert "point" not in searched(tmp_path, Without(), trials=1).int8
    assert searched(tmp_path, trials=2).int8["point"]["accuracy"] == 0.69
    assert searched(tmp_path, Without(), trials=3).int8["point"]["accuracy"] == 0.69


class _NoInt8(Given):
    def int8(self, progress=None) -> dict:
        pytest.fail("it was measured")


@pytest.mark.parametrize("again", [None, False])
def test_int8_that_is_left_out_stays_out_when_the_search_is_continued(tmp_path, again) -> None:
    first = searched(tmp_path, _NoInt8(), trials=2, int8=False)
    found = searched(tmp_path, _NoInt8(), trials=4, int8=again)
    assert first.int8 == found.int8 == found.to_json()["int8"] == {}
    assert len(found.trials) == 4
    text = search_text(found, Path("search"))
    assert "INT8" not in text and "int8" not in text
    with pytest.raises(UserError, match="other int8"):
        searched(tmp_path, trials=5, int8=True)


@pytest.mark.parametrize("given", [None, True])
def test_a_search_of_before_there_was_a_choice_has_int8(tmp_path, given) -> None:
    searched(tmp_path, trials=2)
    (journal,) = tmp_path.glob("*.jsonl")
    text = journal.read_text()
    assert text.count(', "int8": true') == 1
    journal.write_text(text.replace(', "int8": true', ""))
    assert searched(tmp_path, trials=4, int8=given).int8["point"]
    with pytest.raises(UserError, match="other int8"):
        searched(tmp_path, trials=5, int8=False)
