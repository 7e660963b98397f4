"""Whatever stands in a plan, it is carried out, or refused in one sentence; nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.pipeline import predict
from core.plan.schema import parse_plan, read_plan
from tests.core.networks import untrained

HUGE = [0, 1, -1, 5, 22, 23, 99, 2**31, 2**32, 2**63, 2**64, 10**300]
NUMBERS = [*HUGE, 0.0, 0.3, 1.0, 1e-300, 1e300, float("nan"), float("inf"), -0.5]
WORDS = ["model.5.conv", "model.22.cv2.0", "model.2.m.0", "nope", "", "\x00", "model.", "5"]
odd = st.sampled_from([*NUMBERS, *WORDS, None, True, [], {}, [[]], {"a": 1}])
number, word = st.sampled_from(NUMBERS), st.sampled_from(WORDS)
entry = st.one_of(
    st.fixed_dictionaries({"block": st.one_of(number, odd), "ratio": st.one_of(number, odd)}),
    st.fixed_dictionaries({"layer": st.one_of(word, odd), "ratio": number}),
    st.fixed_dictionaries({"layer": word, "channels": st.lists(number, max_size=3)}),
    st.fixed_dictionaries({"block": number}, optional={"units": st.lists(number, max_size=2)}),
    st.fixed_dictionaries({"branch": st.one_of(word, odd)}),
    st.fixed_dictionaries({"scale": st.one_of(number, odd)}),
    odd,
)
targets = ["macs", "params", "latency_ms", "file_bytes", "peak_memory", "nope"]
plans = st.fixed_dictionaries(
    {"version": st.sampled_from([1, 1, 1, 1, 2, "1", None])},
    optional={
        "selection": st.lists(entry, max_size=3),
        "locked": st.lists(st.one_of(st.sampled_from([0, 5, 99]), word, odd), max_size=2),
        "target": st.one_of(st.dictionaries(st.sampled_from(targets), number, max_size=1), odd),
        "classes": st.one_of(st.lists(number, max_size=3), odd),
        "criterion": st.sampled_from(["l2", "bn_scale", "random", "fisher", "nope", 3]),
        "allocation": st.one_of(st.sampled_from(["auto", "cost", "uniform", "global"]), odd),
        "round_to": st.one_of(st.sampled_from([1, 8, 16, "auto"]), odd),
        "minimum_channels": st.one_of(st.sampled_from([1, 2]), odd),
        "seed": st.one_of(st.just(0), odd),
        "rankings": st.sampled_from([1, 2, 0, 2**63]),
        "strategy": st.sampled_from(["structural", "one_by_one", "nope", None]),
        "max_loss": st.one_of(st.just(0.1), odd),
    },
)


@given(plans)
@settings(max_examples=150)
def test_a_plan_is_carried_out_or_refused(data: dict) -> None:
    loaded = untrained("yolov8n")
    target = data.get("target")
    if isinstance(target, dict) and "latency_ms" in target:
        data = {**data, "target": {"macs": 0.7}}  # without measuring
    try:
        plan = parse_plan(json.loads(json.dumps(data)))
        found = predict(loaded, plan, cache=False)
    except UserError as error:
        assert error.message.endswith(".") and "\n" not in error.message
        return
    assert found.after.parameters <= found.before.parameters


@pytest.mark.parametrize(
    "plan",
    [
        {"locked": [99], "target": {"macs": 0.7}},
        {"locked": ["nope"], "target": {"params": 0.7}},
        {"selection": [{"block": 99, "ratio": 0.5}], "target": {"macs": 0.7}},
        {"target": {"macs": 1e-300}},
        {"minimum_channels": 2**63, "target": {"macs": 0.7}},
        {"seed": -1, "criterion": "random", "target": {"macs": 0.7}},
        {"round_to": 2**63, "target": {"macs": 0.7}},
    ],
)
def test_slips_are_named(plan: dict) -> None:
    with pytest.raises(UserError):
        predict(untrained("yolov8n"), parse_plan({"version": 1, **plan}), cache=False)


@pytest.mark.parametrize("text", ['{"seed": %s}' % ("9" * 5000), "[" * 100_000, "\x00", "\ud800"])
def test_what_is_not_json_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match="plan"):
        read_plan(path)
