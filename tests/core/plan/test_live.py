"""What shows at every tick is what the engine predicts, and what surgery then makes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import core
from core.errors import UserError
from core.plan.latency.cost import rounded
from core.plan.latency.files import describe, known_latency, table_path, write_latency
from core.plan.live import Predictor
from core.plan.predict import predict_plan
from core.plan.schema import Entry, Plan, Target
from core.pruning.criteria import score_atoms
from core.pruning.surgery import cut_network
from tests.core.networks import parameters, table_of, untrained
from tests.core.ship.tables import latency_of

FAMILY = "yolov8n"
PREDICTOR = {}
EXACT = {"layer": "model.6.m.0.cv1", "channels": (0, 3, 5)}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A network that no other test has a latency table of."""
    network = untrained(FAMILY)
    return replace(network, facts=replace(network.facts, sha256="live" * 16))


@pytest.fixture
def tables(loaded, tmp_path, monkeypatch):
    """Write a table with a step into a folder of latency tables of its own; None removes it."""
    monkeypatch.setattr("core.plan.latency.files.latency_folder", lambda: tmp_path)

    def act(step):
        about = describe("onnx", image_size=loaded.facts.image_size)
        path = table_path(loaded.facts.sha256, about)
        path.unlink(missing_ok=True)
        if step is not None:
            write_latency(path, replace(latency_of(FAMILY), step=step, about=about))
        facts = loaded.facts
        return known_latency(facts.sha256, facts.image_size, table_of(FAMILY))

    return act


def live():
    return PREDICTOR.setdefault(FAMILY, Predictor(table_of(FAMILY)))


@st.composite
def plans(draw):
    blocks = draw(st.lists(st.integers(0, 22), min_size=1, max_size=5, unique=True))
    entries = [
        {
            "block": block,
            "ratio": draw(st.floats(0.01, 1)),
            "scope": draw(st.sampled_from(["output", "inside", "all"])),
        }
        for block in blocks
    ]
    if draw(st.booleans()):
        entries.insert(draw(st.integers(0, len(entries))), EXACT)
    return Plan(
        selection=entries,
        locked=draw(st.lists(st.integers(0, 22), max_size=3)),
        criterion=draw(st.sampled_from(["l2", "bn_scale", "random"])),
        seed=draw(st.integers(0, 3)),
        round_to=draw(st.sampled_from([1, 8, 16, "auto"])),
        minimum_channels=draw(st.sampled_from([1, 4, 24])),
        strategy=draw(st.sampled_from(["structural", "independent", "all_at_once"])),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=plans(), step=st.sampled_from([None, 4, 16, 32]))
def test_what_shows_is_what_the_engine_predicts_and_surgery_makes(loaded, tables, plan, step):
    latency = tables(step)
    scores = score_atoms(loaded.model, table_of(FAMILY), plan.criterion, plan.seed)
    shown = live().predict(plan, scores, latency)
    assert shown.refusal is None
    try:
        told = core.predict(loaded, plan)
    except UserError as error:  # everything selected is locked: nothing goes, and each reports why
        assert "locked" in error.message and not shown.changes and shown.resolution.blocked
        return
    assert (shown.after.parameters, shown.after.macs) == (told.after.parameters, told.after.macs)
    widths = {
        la.name: (la.inputs_before, la.inputs_after, la.outputs_before, la.outputs_after)
        for la in told.layers
    }
    assert shown.layer_widths == widths
    assert shown.resolution.blocked == told.blocked
    smaller = cut_network(loaded.model, table_of(FAMILY), shown.resolution.removed)
    assert parameters(smaller) == shown.after.parameters
    # Asked for as it shows, it is the same whatever table is on disk by then.
    tables({None: 32, 4: None, 16: 4, 32: 16}[step])
    assert core.predict(loaded, shown.plan).after.parameters == shown.after.parameters


@pytest.mark.parametrize("step", [4, 16])
def test_pruning_gives_what_shows(loaded, tables, step):
    latency = tables(step)
    plan = Plan(selection=[Entry(block=b, ratio=0.3) for b in (4, 6, 8)], round_to="auto")
    scores = score_atoms(loaded.model, table_of(FAMILY), "l2", 0)
    shown = live().predict(plan, scores, latency)
    pruned = core.prune(loaded, plan)
    assert parameters(pruned.model) == shown.after.parameters
    assert pruned.plan.round_to == shown.plan.round_to == step


def test_exact_channels_chosen_by_images_show_as_they_are_pruned_without_any(loaded, tables):
    """A split's halves are levelled by no ranking: whatever is known of one says nothing here."""
    table = table_of(FAMILY)
    plan = Plan(selection=[Entry(layer="model.6.cv1", channels=(0, 1, 2))], criterion="fisher")
    told = core.prune(loaded, plan)
    scores = np.random.default_rng(0).random(table.atom_count)
    shown = live().predict(plan, scores, tables(None))
    same = predict_plan(table, shown.resolution).layers
    assert same == told.prediction.layers


def test_a_target_in_milliseconds_rounds_to_both(tables):
    latency = tables(16)
    plan = Plan(round_to=24, target=Target(latency_ms=5.0))
    assert rounded(plan, latency).round_to == 48
    assert rounded(plan, None).round_to == 24
