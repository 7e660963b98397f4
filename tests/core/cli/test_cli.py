"""The command line, as the user and as a program use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli.main import main

HALF = {"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A checkpoint on disk, saved by Ultralytics' own classes."""
    import torch

    from tests.core.networks import network

    path = tmp_path_factory.mktemp("model") / "net.pt"
    torch.save({"model": network("yolov8n"), "train_args": {"imgsz": 640}}, path)
    return path


@pytest.fixture
def plan(tmp_path):
    def write(data: object) -> str:
        path = tmp_path / "plan.json"
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        return str(path)

    return write


def run_json(capsys, *arguments: object) -> dict:
    assert main([str(a) for a in arguments] + ["--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1, "one JSON object and nothing else"
    return json.loads(out)


def refuse(capsys, *arguments: object) -> str:
    """The command must end with 1 and one clear line."""
    assert main([str(a) for a in arguments]) == 1
    captured = capsys.readouterr()
    assert not captured.out
    line = captured.err.strip()
    assert line.count("\n") == 0, line
    assert line.startswith("secateur: ")
    assert "Traceback" not in line
    assert "nternal error" not in line
    return line


def test_inspect(capsys, model) -> None:
    report = run_json(capsys, "inspect", model)
    assert set(report["model"]) >= {"path", "sha256", "family", "task", "classes", "image_size"}
    assert report["totals"]["blocks"] == 23
    assert report["totals"]["conv_layers"] == 64
    assert report["totals"]["parameters"] == sum(b["parameters"] for b in report["blocks"])
    assert report["blocks"][5] == {
        "index": 5, "type": "Conv", "stage": "backbone", "stride": 16, "sources": [4],
        "in_channels": 64, "out_channels": 128, "parameters": 73984, "macs": 117964800,
        "locked": False, "locked_reason": None,
    }  # fmt: skip
    assert {"block": 14, "sources": [13, 4], "offsets": [0, 128]} in report["concats"]


def test_inspect_is_readable(capsys, model) -> None:
    assert main(["inspect", str(model)]) == 0
    text = capsys.readouterr().out
    assert "backbone" in text
    assert "█" in text
    assert max(map(len, text.splitlines())) <= 120


def test_predict_then_prune_then_verify(capsys, model, plan, tmp_path) -> None:
    predicted = run_json(capsys, "predict", model, "--plan", plan(HALF))
    assert [la["name"] for la in predicted["layers"]] == [
        "model.5.conv",
        "model.5.bn",
        "model.6.cv1.conv",
    ]
    assert [c["layer"] for c in predicted["naive_conflicts"]] == ["model.6.cv1.conv"]
    out = tmp_path / "out.pt"
    pruned = run_json(capsys, "prune", model, "--plan", plan(HALF), "-o", out)
    assert pruned["layers"] == predicted["layers"]
    assert pruned["after"] == predicted["after"]
    assert pruned["verification"]["passed"]
    assert pruned["output"] == str(out)
    again = run_json(capsys, "inspect", out)
    assert again["totals"]["parameters"] == predicted["after"]["parameters"]
    assert again["totals"]["macs"] == predicted["after"]["macs"]
    for extra in ([], ["--plan", plan(HALF)]):
        proof = run_json(capsys, "verify", model, out, *extra)["verification"]
        assert proof["passed"]
        assert proof["relative_error"] <= 1e-5


def test_pruning_twice_keeps_the_first_indices(capsys, model, plan, tmp_path) -> None:
    import core

    first, second = tmp_path / "first.pt", tmp_path / "second.pt"
    run_json(capsys, "prune", model, "--plan", plan(HALF), "-o", first)
    run_json(capsys, "prune", first, "--plan", plan(HALF), "-o", second)
    records = core.load(second).facts.history
    assert len(records) == 2
    kept = records[1]["original"]["model.5.conv"]["outputs"]
    assert len(kept) == 32
    assert set(kept) < set(records[0]["original"]["model.5.conv"]["outputs"])
    assert run_json(capsys, "verify", first, second)["verification"]["passed"]


def test_a_target_becomes_ratios(capsys, model, plan) -> None:
    goal = {"version": 1, "round_to": 1, "target": {"macs": 0.7}}
    report = run_json(capsys, "predict", model, "--plan", plan(goal))
    assert report["after"]["macs"] / report["before"]["macs"] == pytest.approx(0.7, abs=0.01)
    line = refuse(capsys, "predict", model, "--plan", plan({**goal, "target": {"macs": 0.0001}}))
    assert "cannot be reached" in line


def test_why(capsys, model) -> None:
    answer = run_json(capsys, "why", model, "--from", 5, "--to", 2)
    assert answer["coupled"] is False
    assert answer["changes"] == ["model.6.cv1.conv"]
    answer = run_json(capsys, "why", model, "--from", 4, "--to", 15)
    assert answer["paths"][0]["hops"][0]["channels"] == [128, 191]


BAD_PLANS = {
    "version": ({**HALF, "version": 9}, "version 9"),
    "no version": ({"selection": []}, "has no version"),
    "block": ({"version": 1, "selection": [{"block": 99, "ratio": 0.5}]}, "no block 99"),
    "layer": (
        {"version": 1, "selection": [{"layer": "model.5.cnov", "ratio": 0.5}]},
        "Did you mean",
    ),
    "channel": (
        {"version": 1, "selection": [{"layer": "model.5.conv", "channels": [128]}]},
        "no channel 128",
    ),
    "ratio": ({"version": 1, "selection": [{"block": 5, "ratio": 1.5}]}, "less than or equal to 1"),
    "negative": (
        {"version": 1, "selection": [{"block": 5, "ratio": -0.1}]},
        "greater than or equal to 0",
    ),
    "nan": ('{"version": 1, "selection": [{"block": 5, "ratio": NaN}]}', "ratio"),
    "nothing": ({"version": 1, "selection": []}, "is empty"),
    "locked": ({**HALF, "locked": [5]}, "locked"),
    "lock of nothing": ({**HALF, "locked": [77]}, "no block 77"),
    "criterion": ({**HALF, "criterion": "beauty"}, "no criterion"),
    "key": ({**HALF, "ratios": 3}, "ratios"),
    "both": (
        {"version": 1, "selection": [{"block": 5, "layer": "x", "ratio": 0.1}]},
        "either a block or a layer",
    ),
    "list": ([1, 2], "not a JSON object"),
    "text": ("{not json", "not valid JSON"),
    "hash": ({**HALF, "model_sha256": "0" * 64}, "another model file"),
}


@pytest.mark.parametrize("case", BAD_PLANS)
@pytest.mark.parametrize("command", ["predict", "prune"])
def test_bad_plans(capsys, model, plan, tmp_path, command, case) -> None:
    data, words = BAD_PLANS[case]
    out = tmp_path / "out.pt"
    extra = ["-o", out] if command == "prune" else []
    assert words in refuse(capsys, command, model, "--plan", plan(data), *extra)
    assert not out.exists()


def test_missing_plan(capsys, model) -> None:
    assert "no such file" in refuse(capsys, "predict", model, "--plan", "/nowhere/plan.json")


def test_what_cannot_be_pruned_names_what_can(capsys, model, plan, tmp_path) -> None:
    fixed = {"version": 1, "selection": [{"layer": "model.22.cv3.0.2", "ratio": 0.5}]}
    report = run_json(capsys, "predict", model, "--plan", plan(fixed))
    (blocked,) = report["blocked"]
    assert blocked["constraint"] == "fixed"
    nearest = {"version": 1, "selection": blocked["nearest"]}
    assert run_json(capsys, "predict", model, "--plan", plan(nearest))["layers"]
    line = refuse(capsys, "prune", model, "--plan", plan(fixed), "-o", tmp_path / "out.pt")
    assert "output of the network" in line


@pytest.mark.parametrize("block", [10, 11])
def test_blocks_without_weights_name_their_sources(capsys, model, plan, block) -> None:
    data = {"version": 1, "selection": [{"block": block, "ratio": 0.5}]}
    (blocked,) = run_json(capsys, "predict", model, "--plan", plan(data))["blocked"]
    nearest = {"version": 1, "selection": blocked["nearest"]}
    assert run_json(capsys, "predict", model, "--plan", plan(nearest))["layers"]


def test_too_small_a_ratio_names_the_next(capsys, model, plan) -> None:
    data = {"version": 1, "selection": [{"block": 5, "ratio": 0.01}]}
    (blocked,) = run_json(capsys, "predict", model, "--plan", plan(data))["blocked"]
    assert blocked["constraint"] == "rounding"
    nearest = {"version": 1, "selection": blocked["nearest"]}
    assert run_json(capsys, "predict", model, "--plan", plan(nearest))["layers"]


def test_the_source_is_never_overwritten(capsys, model, plan) -> None:
    before = model.read_bytes()
    refuse(capsys, "prune", model, "--plan", plan(HALF), "-o", model)
    assert model.read_bytes() == before


def test_unwritable_folder(capsys, model, plan, tmp_path) -> None:
    line = refuse(capsys, "prune", model, "--plan", plan(HALF), "-o", tmp_path / "no" / "out.pt")
    assert "Could not write" in line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk(capsys, model, plan, tmp_path, monkeypatch) -> None:
    """A write that runs out of space leaves neither the file nor a part of it."""
    import core.system.files

    real = os.fdopen

    def full(handle: int, mode: str):
        if "w" not in mode:
            return real(handle, mode)
        os.close(handle)
        return real(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr(core.system.files.os, "fdopen", full)
    line = refuse(capsys, "prune", model, "--plan", plan(HALF), "-o", tmp_path / "out.pt")
    assert "no space left" in line
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plan.json"]


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 6\n", "Git LFS"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"", "empty"),
        (b"\x00\x01\x02" * 999, "is not"),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "predict", "prune", "why", "verify"])
def test_files_that_are_no_model(capsys, plan, tmp_path, command, contents, words) -> None:
    path = tmp_path / "yolov8n.pt"
    path.write_bytes(contents)
    extra = {
        "inspect": [],
        "predict": ["--plan", plan(HALF)],
        "prune": ["--plan", plan(HALF), "-o", tmp_path / "out.pt"],
        "why": ["--from", 1, "--to", 2],
        "verify": [path],
    }[command]
    assert words in refuse(capsys, command, path, *extra)


def test_wrong_usage_ends_with_2() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["prune"])
    assert ended.value.code == 2


def test_a_bug_is_logged_whole(capsys, model, monkeypatch, tmp_path) -> None:
    def broken(_options: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("core.cli.commands.model.COMMANDS", {"inspect": broken})
    monkeypatch.setattr("core.system.logs.fault_log", lambda: tmp_path / "log" / "secateur.log")
    assert main(["inspect", str(model)]) == 1
    assert "nternal error" in capsys.readouterr().err
    assert "ZeroDivisionError: a bug" in (tmp_path / "log" / "secateur.log").read_text()


def test_the_real_network(capsys, trained, plan, tmp_path) -> None:
    before = trained.read_bytes()
    everything = {
        "version": 1,
        "selection": [{"block": n, "ratio": 0.5} for n in range(23)],
    }
    out = tmp_path / "pruned.pt"
    report = run_json(capsys, "prune", trained, "--plan", plan(everything), "-o", out)
    assert report["verification"]["relative_error"] <= 1e-5
    assert report["after"]["parameters"] < 0.3 * report["before"]["parameters"]
    assert trained.read_bytes() == before


def test_core_costs_no_torch_until_used() -> None:
    code = (
        "import sys, core, core.cli, core.pipeline, core.plan.resolve, core.plan.predict\n"
        "assert 'torch' not in sys.modules, 'torch'\n"
        "assert 'ultralytics' not in sys.modules, 'ultralytics'\n"
        "assert callable(core.load) and callable(core.analyse) and callable(core.predict)\n"
        "assert callable(core.prune) and callable(core.verify)\n"
        "assert 'torch' not in sys.modules, 'torch'\n"
        "import core.pruning.surgery\n"
        "assert callable(core.prune)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_known_model_needs_no_torch(model) -> None:
    code = (
        "import sys\n"
        "from core.cli.main import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "print('torch' in sys.modules, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", code, "inspect", str(model), "--json"]
    runs = [
        subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert runs[1].stderr.strip() == "False"
