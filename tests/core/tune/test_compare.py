"""Models side by side: equal figures for equal models, and the truth about what changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import core
from core.data.stream import DataSettings
from core.errors import UserError
from core.tune.compare import compare, compare_channels, compared_text
from tests.core.networks import parameters, untrained
from tests.core.tune.finetune.conftest import pruned


def with_table(loaded: core.checkpoint.Loaded) -> tuple:
    return loaded, core.analyse(loaded, cache=False).table


def test_channels_of_the_original(tmp_path: Path) -> None:
    original, small = untrained("yolov8n"), core.load(pruned("yolov8n", tmp_path))
    rows = compare_channels([with_table(original), with_table(small)])
    by_name = {row["layer"]: row for row in rows}
    assert len(by_name) == len(rows)
    shapes = dict(small.model.named_parameters())
    narrower = 0
    for row in rows:
        before, after = row["outputs"]
        survived = row["survived"][1]
        assert after <= before and row["survived"][0] is None
        if survived is not None:
            narrower += after < before
            assert len(survived) == after == len(shapes[f"{row['layer']}.weight"])
            assert survived == sorted(set(survived)) and survived[-1] < before
    assert narrower > 10
    for key, model in ((0, original.model), (1, small.model)):
        counted = sum(row["parameters"][key] for row in rows)
        assert counted <= parameters(model) <= counted + 200


def test_other_classes_are_refused(tmp_path: Path) -> None:
    one, other = untrained("yolov8n"), untrained("yolov8n-seg")
    with pytest.raises(UserError, match="another task"):
        compare([with_table(one), (other, None)], DataSettings(tmp_path))
    with pytest.raises(UserError, match="alone"):
        compare([with_table(one)], DataSettings(tmp_path))


def test_image_by_image(trained: Path, shared_data: Path, tmp_path: Path) -> None:
    original = core.load(trained)
    plan = core.parse_plan({"version": 1, "selection": [{"block": 4, "ratio": 0.7}]})
    broken = core.prune(original, plan, tmp_path / "small.pt")
    assert broken.output is not None
    settings = DataSettings(
        shared_data / "coco128" / "coco128.yaml", images=6, split="val", device="cpu"
    )
    models = [with_table(original), with_table(core.load(broken.output))]
    result = compare([*models, models[0]], settings)
    json.dumps(result, allow_nan=False)
    first, second, third = result["models"]
    assert first["figures"] == third["figures"] and first["classes"] == third["classes"]
    assert second["figures"]["map50_95"] < first["figures"]["map50_95"]
    assert [row["change"] for row in result["images"]] == [0.0] * 6
    assert any(row["scores"][1] < row["scores"][0] for row in result["images"])
    for row in result["images"]:
        assert row["boxes"][0] == row["boxes"][2]
        for box in (*row["truth"], *row["boxes"][0]):
            assert -0.01 <= box["x"] - box["width"] / 2 <= box["x"] + box["width"] / 2 <= 1.01
            assert -0.01 <= box["y"] - box["height"] / 2 <= box["y"] + box["height"] / 2 <= 1.01
    worst = compare(models, settings)["images"]
    assert worst[0]["change"] == min(row["change"] for row in worst) < 0
    assert "parameters" in compared_text(result)


def test_the_engines_job_compares_files(shared_data: Path, trained: Path) -> None:
    from core.engine import JOBS, ModelStore
    from core.progress import silent

    data = {
        "path": str(shared_data / "coco128" / "coco128.yaml"), "images": 2, "image_size": 160,
        "split": "val", "device": "cpu", "seed": 0,
    }  # fmt: skip
    args = {"paths": [str(trained), str(trained)], "data": data}
    result = JOBS["compare"](ModelStore(), args, silent)
    first, second = result["models"]
    assert first["figures"] == second["figures"]
    assert result["split"] == "val" and first["images"] == 2
