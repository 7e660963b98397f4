"""Models side by side: equal figures for equal models, and the truth about what changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import core
from core.cli.main import main
from core.compare.figures import compare, compared_text
from core.compare.layers import compare_channels, compare_layers, layers_text
from core.data.stream import DataSettings
from core.errors import UserError
from tests.core.networks import parameters, untrained
from tests.core.tune.conftest import pruned


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
        assert after <= before == row["original"]
        assert row["survived"][0] == list(range(before))
        if survived is not None:
            narrower += after < before
            assert len(survived) == after == len(shapes[f"{row['layer']}.weight"])
            assert survived == sorted(set(survived)) and survived[-1] < before
    assert narrower > 10
    for key, model in ((0, original.model), (1, small.model)):
        counted = sum(row["parameters"][key] for row in rows)
        assert counted <= parameters(model) <= counted + 200


def test_blocks_beside_one_another(tmp_path: Path) -> None:
    models = [with_table(untrained("yolov8n")), with_table(core.load(pruned("yolov8n", tmp_path)))]
    rows = compare_layers(models)["blocks"]
    assert [row["block"] for row in rows] == list(range(23))
    for number, (_, table) in enumerate(models):
        assert sum(row["macs"][number] for row in rows) == sum(b.macs for b in table.blocks)
        by_layer = compare_channels(models)
        for row in rows:
            own = [layer["macs"][number] for layer in by_layer if layer["block"] == row["block"]]
            assert row["macs"][number] == sum(own)
    assert any(row["outputs"][1] < row["outputs"][0] for row in rows)
    joined = rows[11]  # Concat of 10 and 6
    for number in (0, 1):
        assert joined["inputs"][number] == rows[10]["outputs"][number] + rows[6]["outputs"][number]


def test_channels_of_two_pruned_networks(tmp_path: Path) -> None:
    original = untrained("yolov8n")
    plans = ([{"block": 4, "ratio": 0.5}], [{"block": 4, "ratio": 0.5}, {"block": 6, "ratio": 0.5}])
    smalls = []
    for number, selection in enumerate(plans):
        plan = core.parse_plan({"version": 1, "criterion": "l1", "selection": selection})
        core.prune(original, plan, tmp_path / f"{number}.pt", cache=False)
        smalls.append(with_table(core.load(tmp_path / f"{number}.pt")))
    result = compare_layers(smalls)
    json.dumps(result, allow_nan=False)
    origins = {model["origin"] for model in result["models"]}
    assert origins == {original.facts.sha256}
    rows = {row["layer"]: row for row in result["channels"]}
    alike, unlike = rows["model.4.cv1.conv"], rows["model.6.cv1.conv"]
    assert alike["survived"][0] == alike["survived"][1] and alike["original"] is None
    assert set(unlike["survived"][1]) < set(unlike["survived"][0])
    assert unlike["survived"][0] == list(range(unlike["outputs"][0]))
    text = layers_text(result).splitlines()
    assert len(text) == len(rows) + 1
    (line,) = (line.split() for line in text if " model.6.cv1.conv " in line)
    share = unlike["macs"][1] / unlike["macs"][0]
    assert line == ["6", "model.6.cv1.conv", "128", "64", f"{share:.0%}", "64"]
    # Another network's channels are other channels, whatever their number.
    other = compare_layers([smalls[0], with_table(untrained("yolov8s"))])["channels"]
    assert all(row["survived"][1] is None for row in other)


def test_other_classes_are_refused(tmp_path: Path) -> None:
    one, other = untrained("yolov8n"), untrained("yolov8n-seg")
    with pytest.raises(UserError, match="another task"):
        compare([with_table(one), (other, None)], DataSettings(tmp_path))
    with pytest.raises(UserError, match="at least two models"):
        compare([with_table(one)], DataSettings(tmp_path))


def test_image_by_image(trained: Path, scenes: Path, tmp_path: Path) -> None:
    original = core.load(trained)
    plan = core.parse_plan({"version": 1, "selection": [{"block": 4, "ratio": 0.7}]})
    broken = core.prune(original, plan, tmp_path / "small.pt")
    assert broken.output is not None
    settings = DataSettings(scenes, images=6, split="val", device="cpu")
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


def test_the_engines_job_compares_files(scenes: Path, trained: Path) -> None:
    from core.engine.models import ModelStore
    from core.engine.tasks import find_task
    from core.progress import silent

    data = {
        "path": str(scenes), "images": 2, "image_size": 160,
        "split": "val", "device": "cpu", "seed": 0,
    }  # fmt: skip
    args = {"paths": [str(trained), str(trained)], "data": data}
    result = find_task("compare")(ModelStore(), {**args, "turns": 3}, silent)
    first, second = result["models"]
    assert first["figures"] == second["figures"]
    assert result["split"] == "val" and first["images"] == 2
    assert first["speed"]["ratio"] is None and second["speed"]["ratio"] > 0
    assert first["milliseconds"] == first["speed"]["median"] > 0
    layers = find_task("compare")(ModelStore(), {"paths": args["paths"]}, silent)
    assert layers["channels"] == result["channels"] and "images" not in layers


def test_the_command_writes_pictures_and_lists_layers(
    scenes: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"version": 1, "selection": [{"block": 4, "ratio": 0.7}]}')
    small = tmp_path / "small.pt"
    assert main(["prune", str(trained), "--plan", str(plan), "-o", str(small)]) == 0
    models = ["compare", str(trained), str(small)]
    capsys.readouterr()
    assert main([*models, "--layers"]) == 0
    assert "in common" in capsys.readouterr().out.splitlines()[0]
    assert main(models) == 1
    assert "--layers" in capsys.readouterr().err
    data = ["--data", str(scenes), "--images", "3"]
    folder = tmp_path / "pictures"
    options = ["--turns", "0", "--pictures", str(folder), "--json"]
    assert main([*models, *data, *options]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [str(path) for path in sorted(folder.iterdir())] == sorted(result["pictures"])
    assert len(result["pictures"]) == 3
    assert main([*models, *data, *options]) == 1
    assert "not empty" in capsys.readouterr().err


def test_pictures_that_fail_do_not_cost_the_comparison(
    scenes: Path, trained: Path, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise UserError("Could not write pictures: no space left on device.")

    monkeypatch.setattr("core.compare.pictures.write_sheets", fail)
    data = ["--data", str(scenes), "--images", "2", "--turns", "0"]
    options = [*data, "--pictures", str(tmp_path / "pictures"), "--json"]
    assert main(["compare", str(trained), str(trained), *options]) == 0
    result = json.loads(capsys.readouterr().out)
    assert "no space left" in result["pictures_failed"] and len(result["models"]) == 2
    gone = ["--pictures", str(tmp_path / "none" / "pictures")]
    assert main(["compare", str(trained), str(trained), *data, *gone]) == 1
    assert "does not exist" in capsys.readouterr().err
