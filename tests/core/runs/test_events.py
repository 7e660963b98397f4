"""Events out of a job's file may be anything: what cannot be shown is left alone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from core.cli.commands.finetune import event_text
from core.runs.folder import EVENTS, read_events
from core.runs.listing import progress_of
from core.runs.tail import Digest, RunEntry

KINDS = [
    "started", "progress", "baseline", "pruning", "step", "batch", "epoch", "out_of_memory",
    "averaged", "chosen", "done", "failed", "cancelled", "other",
]  # fmt: skip
FIELDS = [
    "epoch", "epochs", "batch", "batches", "step", "steps", "share", "losses", "metrics", "device",
    "fitness", "best", "learning_rate", "seconds_left", "text", "message", "result", "after",
    "parameters", "resumed_after", "accepted", "kept", "state", "figures",
]  # fmt: skip
LEAF = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5)
VALUE = st.recursive(
    LEAF,
    lambda held: (
        st.lists(held, max_size=2)
        | st.dictionaries(
            st.sampled_from([*FIELDS, "map50_95", "output", "name"]), held, max_size=3
        )
    ),
    max_leaves=5,
)
ENTRY = RunEntry("folder", "finetune", "2026-01-01T10:00:00+00:00", "done", "run", {})


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), VALUE))))
@example([("started", {"epochs": -math.inf})])
@example([("batch", {"epoch": math.inf, "batch": 1, "batches": 1, "losses": {}})])
@example([("epoch", {"epoch": 1, "epochs": 2, "losses": {}, "fitness": "high", "best": True})])
def test_any_events_are_shown_as_far_as_they_go(told: list[tuple[str, dict[str, Any]]]) -> None:
    digest = Digest()
    for kind, fields in told:
        event = {**fields, "event": kind}
        digest.take(event)
        assert isinstance(event_text(event), str)
    shown = digest.snapshot(ENTRY)
    assert shown.events == len(told)
    counts = (shown.epochs, shown.parameters, shown.step, shown.steps, shown.batch, shown.batches)
    assert all(count is None or isinstance(count, int) for count in counts)
    with TemporaryDirectory() as name:
        lines = [json.dumps({**fields, "event": kind}) for kind, fields in told]
        (Path(name) / EVENTS).write_text("".join(f"{line}\n" for line in lines))
        assert isinstance(progress_of(name)[0], str)
        assert read_events(name)[1] > 0 or not told
