"""Milliseconds in the window, and one latency table behind all that it shows and asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.latency.feature import LatencyFeature
from app.pruning.feature import PruningFeature
from app.state import plan_edits
from app.state.times.clock import known_clock
from core.plan.latency.files import describe, table_path, write_latency
from core.plan.schema import Entry, Plan, Target
from core.system.files import sha256_of
from tests.app.conftest import QUICK_MS
from tests.core.networks import table_of
from tests.core.ship.tables import latency_of

IMAGE_SIZE = 160
"""Of the trained network."""
ONNX = {"runtime": "onnx"}
OTHERS = (
    {"runtime": "torch"},
    {"runtime": "onnx", "threads": 1, "image_size": 320},
    {"runtime": "torch", "threads": 3, "batch": 4},
)
"""Ways the user may time the layers other than the usual one."""


@pytest.fixture
def cached(trained, monkeypatch, tmp_path):
    """Put a made-up table of the model into the cache, as the engine does; return its file."""
    folder = tmp_path / "latency"
    monkeypatch.setattr("core.plan.latency.files.latency_folder", lambda: folder)
    sha256 = sha256_of(trained)

    def act(step=16, *, runtime="onnx", **options):
        about = {**describe(runtime, **{"image_size": IMAGE_SIZE, **options}), "sha256": sha256}
        path = table_path(sha256, about)
        write_latency(path, replace(latency_of("yolov8n", 16), step=step, about=about))
        return path

    return act


def engine_says(trained, plan):
    """What the engine predicts for a plan, from the tables on disk."""
    import core

    return core.predict(core.load(trained), plan).after.parameters


def planned(session, *blocks, round_to="auto"):
    """Plan something, its rounding left to the table."""
    session.edit(plan_edits.set_round_to(session.plan, round_to))
    session.edit(plan_edits.set_ratio(session.plan, blocks, 0.3))
    session.flush()
    return session.prediction.after.parameters


def asked(session, jobs, monkeypatch, tmp_path, window):
    """The plan that pruning asks the engine for."""
    requests = []
    monkeypatch.setattr(jobs, "submit", lambda job, _title, args, **_: requests.append((job, args)))
    window.features[PruningFeature].controller.start(tmp_path / "pruned.pt")
    (request,) = requests
    return Plan.model_validate(request[1]["plan"])


BLOCKS = (2, 4, 6, 8, 12, 15)


def test_a_table_made_now_rounds_the_plan_that_shows(cached, opened, fake, trained):
    session = opened.session
    before = planned(session, *BLOCKS)
    assert before == engine_says(trained, session.plan)
    opened.features[LatencyFeature].controller.measure(ONNX)
    cached(step=16)
    fake.done("latency_table", {"table": "anywhere"})
    session.flush()
    assert session.prediction.after.parameters == engine_says(trained, session.plan) != before


@pytest.mark.parametrize("other", OTHERS, ids=lambda o: " ".join(map(str, o.values())))
def test_the_plan_that_shows_is_by_the_table_the_engine_takes(cached, opened, fake, trained, other):
    session = opened.session
    planned(session, *BLOCKS)
    for how, step in ((other, 32), (ONNX, 16), (other, 4)):
        opened.features[LatencyFeature].controller.measure(how)
        cached(step=step, **how)
        fake.done("latency_table", {"table": "anywhere"})
        session.flush()
        assert session.prediction.after.parameters == engine_says(trained, session.plan)
        assert session.measured.clock.latency.step == (32 if step == 32 else 16)


def test_a_model_opened_again_has_the_table_of_the_disk(cached, opened, fake, trained, qtbot, drop):
    session = opened.session
    cached(step=16)
    session.undo_stack.setClean()
    session.close_model()
    assert session.measured.clock is None
    drop(opened, trained)
    qtbot.waitUntil(lambda: session.model is not None or bool(fake.requests), timeout=QUICK_MS)
    if session.model is None:
        pytest.fail("the model is not known without the engine")
    assert planned(session, *BLOCKS) == engine_says(trained, session.plan)


@pytest.mark.parametrize("change", ["deleted", "remeasured", "made elsewhere"])
def test_a_table_changed_on_disk_changes_the_plan_that_shows(
    cached, opened, fake, trained, qtbot, change
):
    session = opened.session
    opened.features[LatencyFeature].controller.measure(ONNX)
    path = cached(step=16)
    if change == "made elsewhere":
        path.replace(path.with_suffix(".away"))
    fake.done("latency_table", {"table": "anywhere"})
    before = planned(session, *BLOCKS)
    if change == "deleted":
        path.unlink()
    elif change == "remeasured":
        cached(step=32)
    else:
        path.with_suffix(".away").replace(path)
    after = engine_says(trained, session.plan)
    assert after != before
    qtbot.waitUntil(lambda: session.prediction.after.parameters == after, timeout=QUICK_MS)


def test_what_is_asked_for_is_what_shows_whatever_the_disk_holds(
    cached, opened, fake, trained, monkeypatch, tmp_path
):
    session = opened.session
    opened.features[LatencyFeature].controller.measure(ONNX)
    path = cached(step=16)
    fake.done("latency_table", {"table": "anywhere"})
    shown = planned(session, *BLOCKS)
    path.unlink()
    wanted = asked(session, opened.engine, monkeypatch, tmp_path, opened)
    assert engine_says(trained, wanted) == shown
    assert session.plan.round_to == "auto"  # the user's wish stays


def test_a_target_is_the_goal_and_no_part_of_the_plan_that_shows(opened, fake):
    session = opened.session
    entries = (Entry(block=6, ratio=0.5),)
    plan = Plan(selection=entries, target=Target(macs=0.6))
    session.edit(plan_edits.replace_plan(plan, "Import plan.json"))
    assert session.plan.target is None and session.plan.selection == entries
    assert session.measured.goal == Target(macs=0.6)


def test_a_table_of_another_network_is_none(cached, trained):
    import core

    facts = core.load(trained).facts
    assert known_clock(facts, table_of("yolov8n")) is None
    cached()
    assert known_clock(facts, table_of("yolov8n")).latency.step == 16
    assert known_clock(facts, table_of("yolo11n")) is None
