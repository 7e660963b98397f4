"""Trials made at once: the same wherever they are made, however they end and go on."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from core.errors import CancelledError, UserError
from core.search import records
from core.search.batch import MARGIN, behind
from core.search.study import Search, StoppedError
from tests.core.search import test_study
from tests.core.search.test_study import Given, searched, settings
from tests.fuzz.mutate import odd_lines


def told(found) -> list:
    wanted = ("settings", "state", "point", "repaired", "same_as", "key")
    return [{name: t.get(name) for name in wanted} for t in found.trials]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.pt"))


@pytest.mark.parametrize(("at_once", "tune"), [(2, 0.0), (5, 1.0), (16, 0.0), (40, 1.0)])
def test_they_are_the_same_wherever_they_are_made(tmp_path, at_once: int, tune: float) -> None:
    given = {"at_once": at_once, "tune_minutes": tune}
    here = searched(tmp_path / "here", **given)
    there = searched(tmp_path / "there", Given(order=Random(at_once)), **given)
    assert told(here) == told(there)
    assert files(tmp_path / "here") == files(tmp_path / "there")
    assert [t["trial"] for t in there.trials] == list(range(24))


@pytest.mark.parametrize("at_once", [3, 8])
def test_networks_of_a_batch_that_turn_out_the_same_count_once(
    tmp_path, at_once: int, monkeypatch
) -> None:
    monkeypatch.setattr(
        test_study, "key_of", lambda request: f"{int(request.settings['amount'] * 10):08x}"
    )
    here = searched(tmp_path / "here", at_once=at_once)
    there = searched(tmp_path / "there", Given(order=Random(1)), at_once=at_once)
    assert told(here) == told(there)
    same = [t for t in there.trials if t["state"] == "same"]
    assert len(there.trials) - len(same) <= 7  # amounts
    assert all(there.trials[t["same_as"]]["state"] == "measured" for t in same)
    assert files(tmp_path / "there") == sorted(Path(t["file"]).name for t in there.front)


@pytest.mark.parametrize("ended", [0, 3, 6, 9, 11])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_was_made_before_a_stop_is_not_made_again(tmp_path, ended, elsewhere) -> None:
    given = {"at_once": 4, "trials": 12}
    whole = searched(tmp_path / "whole", **given)
    with pytest.raises(StoppedError):
        searched(tmp_path / "cut", Given(until=ended, order=Random(2)), **given)
    again = Given(order=Random(3) if elsewhere else None)
    assert told(searched(tmp_path / "cut", again, **given)) == told(whole)
    assert len(again.asked) == 12 - ended


@pytest.mark.parametrize("ended", [4, 5, 6])
def test_what_was_tuned_before_a_stop_is_not_tuned_again(tmp_path, ended: int) -> None:
    given = {"at_once": 4, "trials": 4, "tune_minutes": 1.0, "seed": 0}
    whole, one = Given(), Given(until=ended)
    found = searched(tmp_path / "whole", whole, **given)
    assert len(whole.tuned_ones) > 2
    with pytest.raises(StoppedError):
        searched(tmp_path / "cut", one, **given)
    again = Given()
    assert told(searched(tmp_path / "cut", again, **given)) == told(found)
    assert sorted(one.tuned_ones + again.tuned_ones) == sorted(whole.tuned_ones)


def test_a_network_that_changed_meanwhile_is_made_again(tmp_path) -> None:
    given = {"at_once": 6, "trials": 6}
    whole = searched(tmp_path / "whole", **given)
    with pytest.raises(StoppedError):
        searched(tmp_path / "cut", Given(until=5), **given)
    (tmp_path / "cut" / "trial-002.pt").write_bytes(b"another")
    (tmp_path / "cut" / "trial-003.pt").unlink()
    again = Given()
    assert told(searched(tmp_path / "cut", again, **given)) == told(whole)
    assert sorted(r.number for r in again.asked) == [2, 3, 5]


@pytest.mark.parametrize("seed", range(4))
def test_changed_parts_are_left_out(tmp_path, seed: int) -> None:
    given = {"at_once": 4, "trials": 8, "tune_minutes": 1.0}
    with pytest.raises(StoppedError):
        searched(tmp_path / "cut", Given(until=9), **given)
    journal = tmp_path / "cut" / records.JOURNAL
    content = journal.read_bytes()
    for number in range(6):
        journal.write_bytes(odd_lines(content, Random(f"{seed}/{number}")))
        try:
            found = searched(tmp_path / "cut", **given)
        except UserError as error:
            assert "\n" not in error.message
            continue
        assert [t["trial"] for t in found.trials] == list(range(len(found.trials)))


def test_a_batch_knows_the_earlier_ones_alone(tmp_path) -> None:
    bench = Given(order=Random(0))
    found = searched(tmp_path / "search", bench, at_once=5, trials=17)
    for request in bench.asked:
        earlier = found.trials[: request.number // 5 * 5]
        assert request.known == {t["key"]: t["trial"] for t in records.measured(earlier)}


def test_more_trials_complete_the_batch_that_was_cut_short(tmp_path) -> None:
    whole = searched(tmp_path / "whole", at_once=5, trials=14)
    searched(tmp_path / "short", at_once=5, trials=7)
    found = searched(tmp_path / "short", at_once=5, trials=14)
    assert told(found) == told(whole)


@pytest.mark.parametrize(("room", "trials", "wanted"), [(1, 9, 1), (4, 9, 4), (99, 9, 9)])
def test_how_many_are_made_at_once_follows_from_the_place_and_stays(
    tmp_path, room: int, trials: int, wanted: int
) -> None:
    asked = settings(trials=trials)
    Search(Given(), asked, "sha", tmp_path, room=room, clock=lambda: 0.0).run()
    first = json.loads((tmp_path / records.JOURNAL).read_text().splitlines()[1])
    assert first["search"]["at_once"] == wanted
    for other in (1, 4, 50):  # the folder's count
        found = Search(Given(), asked, "sha", tmp_path, room=other, clock=lambda: 0.0).run()
        assert found.resumed == trials
    with pytest.raises(UserError, match="other at once"):
        searched(tmp_path, trials=trials, at_once=wanted + 1)


def test_a_search_of_before_made_one_at_a_time(tmp_path) -> None:
    searched(tmp_path, trials=3)
    journal = tmp_path / records.JOURNAL
    journal.write_text(journal.read_text().replace(', "at_once": 1', ""))
    assert "at_once" not in journal.read_text()
    assert searched(tmp_path, trials=5).resumed == 3
    with pytest.raises(UserError, match="other at once"):
        searched(tmp_path, trials=5, at_once=2)


def test_promising_trials_of_a_batch_are_tuned(tmp_path) -> None:
    bench = Given(order=Random(4))
    found = searched(tmp_path / "search", bench, at_once=8, trials=8, tune_minutes=1.0)
    points = [records.repaired_of(t) for t in records.measured(found.trials)]
    for record in records.measured(found.trials):
        late = behind(records.repaired_of(record), points)
        assert record["state"] == ("stopped" if late else "measured")
        assert (record["trial"] in bench.tuned_ones) is not late
    assert {t["state"] for t in found.trials} == {"measured", "stopped"}
    assert MARGIN > 0


def test_minutes_are_those_that_pass(tmp_path) -> None:
    """A batch of four that takes a minute counts for one."""
    times = iter(range(0, 100_000, 60))
    asked = settings(minutes=2.0, at_once=4)
    made = Search(Given(), asked, "sha", tmp_path, clock=lambda: float(next(times)))
    found = made.run()
    assert [t["seconds"] for t in found.trials] == [15.0] * 8


def test_a_refusal_of_a_pool_ends_the_search_and_keeps_the_rest(tmp_path) -> None:
    lost = UserError("A worker was lost, again and again.")
    with pytest.raises(UserError, match="again and again"):
        searched(tmp_path, Given(until=6, ending=lost, order=Random(5)), at_once=4)
    assert searched(tmp_path).resumed == 4
    with pytest.raises(CancelledError):
        searched(tmp_path / "other", Given(until=2), at_once=4)
