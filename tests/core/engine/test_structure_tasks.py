"""Tasks about structure: what can go, what is left, and its ranking."""

from pathlib import Path

import numpy as np
import pytest

import core
from core.engine.models import ModelStore
from core.engine.tasks import find_task
from core.errors import UserError
from core.graph.cache import read_table
from core.plan.left import LeftPredictor
from core.plan.schema import parse_plan

NETWORK = "yolov8n.yaml"
ENTRIES = [{"block": 6, "units": [1]}, {"scale": 32}, {"branch": "model.22.cv3.0.1"}]


def silent(share, text):
    """Take what is reported."""


@pytest.fixture(scope="module")
def models():
    return ModelStore()


def test_parts_say_what_goes_with_a_scale(models):
    found = find_task("parts")(models, {"path": NETWORK}, silent)
    assert found["head"] == 22
    coarse = found["scale_facts"][-1]
    assert (coarse["stride"], coarse["source"], coarse["reason"]) == (32, 21, "")
    assert coarse["feeds"] == [19, 20, 21]
    assert coarse["modules"] == ["model.22.cv2.2", "model.22.cv3.2"]


def test_parts_say_why_a_scale_stays(models):
    found = find_task("parts")(models, {"path": "yolov8n-seg.yaml"}, silent)
    fine = found["scale_facts"][0]
    assert fine["stride"] == 8
    assert "cannot be removed" in fine["reason"]


def test_what_is_left_predicts_as_the_command_line_does(models):
    told = {"version": 1, "selection": ENTRIES, "classes": [0, 2]}
    found = find_task("restructure")(models, {"path": NETWORK, "plan": told}, silent)
    assert found["blocks"] == [19, 20, 21]
    assert {"model.6.m.1", "model.22.cv3.0.1", "model.22.cv3.2"} <= set(found["modules"])
    assert [c["kind"] for c in found["conflicts"]] == ["input", "scale", "classes"]
    loaded = models.get(NETWORK)
    left, _ = read_table(Path(found["table"]))
    whole = core.pipeline.analyse(loaded).table
    plan = parse_plan({**told, "selection": [*ENTRIES, {"block": 4, "ratio": 0.5}]})
    predictor = LeftPredictor(left, whole, frozenset(found["blocks"]))
    predicted = predictor.predict(plan, np.load(found["scores"]))
    wanted = core.predict(loaded, plan)
    assert predicted.after.parameters == wanted.after.parameters
    assert predicted.after.macs == wanted.after.macs
    assert predicted.after.outputs.tolist() == wanted.after.outputs.tolist()
    assert predicted.share_kept[21] == 0.0
    assert predicted.roles[6] == predicted.roles[22] == "selected"
    assert 21 not in predicted.roles


def test_channels_of_what_is_left_are_ranked(models):
    told = {"version": 1, "selection": [ENTRIES[0]]}
    found = find_task("restructure")(models, {"path": NETWORK, "plan": told}, silent)
    args = {"path": NETWORK, "criterion": "l1", "seed": 0, "plan": told}
    scores = np.load(find_task("scores")(models, args, silent)["scores"])
    left, _ = read_table(Path(found["table"]))
    assert scores.shape == (left.atom_count,)


def test_what_cannot_go_is_refused(models):
    told = {"version": 1, "selection": [ENTRIES[0]], "locked": [6]}
    with pytest.raises(UserError, match="block 6 is locked"):
        find_task("restructure")(models, {"path": NETWORK, "plan": told}, silent)
