"""Structure on the command line, in suggestions, and where only channels are pruned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import core
from core.cli.main import main
from core.errors import UserError
from core.measure import prune_one_by_one
from core.plan.schema import parse_plan
from core.runs.kinds.iterative import iterate
from core.structure.listing import listing
from tests.core.networks import untrained

STRUCTURE = [{"block": 6, "units": [1]}, {"branch": "model.22.cv3.0.1"}, {"scale": 32}]


@pytest.fixture
def files(trained: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    plan = {
        "version": 1,
        "selection": [*STRUCTURE, {"block": 5, "ratio": 0.5}],
        "classes": [4, 1],
    }
    (tmp_path / "plan.json").write_text(json.dumps(plan), "utf-8")
    return trained, tmp_path / "plan.json", tmp_path / "small.pt"


def told(capsys, *words: str) -> dict:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_predicted_pruned_and_verified(files, capsys) -> None:
    model, plan, small = map(str, files)
    predicted = told(capsys, "predict", model, "--plan", plan)
    pruned = told(capsys, "prune", model, "--plan", plan, "-o", small)
    same = ("before", "after", "layers", "naive_conflicts", "blocked")
    assert {key: pruned[key] for key in same} == {key: predicted[key] for key in same}
    layers = {layer["name"]: layer for layer in predicted["layers"]}
    gone = [name for name, layer in layers.items() if layer["outputs_after"] == 0]
    assert "model.6.m.1.cv1.conv" in gone and "model.21.cv2.conv" in gone
    assert "model.22.cv3.0.1.conv" in gone and "model.22.cv3.2.2" in gone
    assert layers["model.6.cv2.conv"]["kept_inputs"] == list(range(192))
    assert layers["model.22.cv3.0.2"]["kept_outputs"] == [4, 1]
    reasons = {c["layer"]: c["reason"] for c in predicted["naive_conflicts"]}
    assert "model.6.m.1 was a part of" in reasons["model.6.cv2.conv"]
    kinds = {c["kind"] for c in predicted["naive_conflicts"] if c["layer"] == "model.22"}
    assert kinds == {"scale", "classes"}
    for words in (["--plan", plan], []):
        proof = told(capsys, "verify", model, small, *words)["verification"]
        assert proof["passed"] and proof["relative_error"] <= 1e-5
    shown = told(capsys, "inspect", small)
    assert shown["totals"]["parameters"] == predicted["after"]["parameters"]
    assert shown["totals"]["macs"] == predicted["after"]["macs"]
    assert len(shown["model"]["classes"]) == 2 and shown["totals"]["blocks"] == 20


def test_what_can_go_is_listed(trained: Path, capsys) -> None:
    found = told(capsys, "inspect", str(trained), "--structure")["structure"]
    assert {"block": 6, "place": 1, "name": "model.6.m.1", "type": "Bottleneck"} in found["units"]
    assert found["scales"] == [8, 16, 32] and found["classes"]
    assert main(["inspect", str(trained), "--structure"]) == 0
    assert "scales that can be removed: 8, 16, 32" in capsys.readouterr().out
    assert listing(untrained("yolov8n-seg"))["scales"] == [16, 32]
    attends = listing(untrained("rtdetr-l"))
    assert attends["scales"] == [] and not attends["classes"] and attends["units"]


def test_a_suggestion_is_a_share_of_the_original(trained: Path) -> None:
    loaded = core.load(trained)
    asked = parse_plan({"version": 1, "selection": STRUCTURE[:2], "target": {"macs": 0.7}})
    found = core.suggest(loaded, asked)
    result = core.prune(loaded, found.plan)
    assert found.plan.structure == asked.structure
    assert found.after.macs == result.prediction.after.macs
    assert found.before.macs == result.prediction.before.macs
    assert found.after.macs / found.before.macs == pytest.approx(0.7, abs=0.01)
    enough = asked.model_copy(update={"target": asked.target.model_copy(update={"macs": 0.97})})
    assert core.predict(loaded, enough).after.macs < 0.97 * found.before.macs
    with pytest.raises(UserError, match="meets its target already"):
        core.suggest(loaded, enough)


def test_who_prunes_channels_only_says_so(trained: Path, scenes: Path, tmp_path: Path) -> None:
    from core.data.stream import DataSettings

    plan = {"version": 1, "strategy": "one_by_one", "selection": STRUCTURE, "max_loss": 0.5}
    with pytest.raises(UserError, match="prunes channels only"):
        prune_one_by_one(
            core.load(trained), parse_plan(plan), DataSettings(scenes), tmp_path / "small.pt"
        )
    steps = {
        "model": str(trained), "data": str(scenes), "steps": 2, "output": str(tmp_path / "o.pt"),
        "plan": {"version": 1, "selection": STRUCTURE, "target": {"macs": 0.5}},
    }  # fmt: skip
    with pytest.raises(UserError, match="prunes channels only"):
        iterate(steps, tmp_path / "job", lambda _: None, lambda: None)
