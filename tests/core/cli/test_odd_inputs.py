"""What is no file, as any input of any command: one line, and nobody waits for it.

Also names that no file can have, and values that no option takes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.scenes import write_dataset
from tests.core import small_files
from tests.core.system.test_budget import strangers
from tests.core.warm import Warm

SECONDS = 60
_RUN = "import json, sys; from core.cli.main import main; sys.exit(main(json.loads(sys.argv[1])))"
COMMANDS = {
    "a checkpoint": "inspect X",
    "a pruned checkpoint": "verify yolov8n.yaml X",
    "a model to compare": "compare yolov8n.yaml X --data DATA",
    "a plan": "predict yolov8n.yaml --plan X",
    "a plan to prune by": "prune yolov8n.yaml --plan X -o OUT.pt",
    "a plan to suggest for": "suggest yolov8n.yaml --plan X",
    "a dataset": "data X",
    "a dataset to evaluate on": "evaluate yolov8n.yaml --data X",
    "a dataset to rank by": "suggest yolov8n.yaml --plan TARGET --data X",
    "a project": "report X -o OUT.html",
    "a history": "history X",
    "a job": "jobs show X",
    "settings of a job": "jobs new finetune X",
    "an image": "try yolov8n.yaml X",
    "a module": "trust add X",
    "steps": "steps X",
}
STRANGERS = (
    "a pipe", "a link", "a loop", "a socket", "zeros", "noise", "no device", "nothing",
    "a null character", "half a character", "a long name",
)  # fmt: skip
ENDINGS = ("", ".yaml", ".pt", ".jpg", ".secateur", ".py")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("odd")
    write_dataset(folder / "data", train=2, val=2)
    target = {"version": 1, "criterion": "activation", "target": {"macs": 0.7}}
    small_files.written(folder / "target.json", target)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def run(warm: Warm, folder: Path, words: list[str]) -> tuple[int, list[str]]:
    """Run a command in a process of its own; return its status and what it says."""
    done = subprocess.run(
        ["python", "-c", _RUN, json.dumps(words)], env=warm.environment(), cwd=folder,
        capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stderr.decode("utf-8", "replace").splitlines()


def worded(command: str, place: Path, odd: str) -> list[str]:
    known = {"X": odd, "DATA": str(place / "data"), "TARGET": str(place / "target.json"),
             "OUT.pt": str(place / "out.pt"), "OUT.html": str(place / "out.html")}  # fmt: skip
    return [known.get(word, word) for word in command.split()]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("what", COMMANDS)
def test_what_is_no_file_is_refused_in_one_line(
    what: str, warm: Warm, place: Path, tmp_path: Path
) -> None:
    found = strangers(tmp_path)
    for kind in STRANGERS:
        code, lines = run(warm, tmp_path, worded(COMMANDS[what], place, str(found[kind])))
        assert code == 1 and lines, (kind, code, lines)
        assert lines[-1].startswith("secateur: "), (kind, lines)
        assert "Internal error" not in lines[-1], (kind, lines)
        assert len(lines) == 1, (kind, lines)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_pipe_by_the_name_of_any_file(ending: str, warm: Warm, place: Path) -> None:
    pipe = place / f"pipe{ending}"
    os.mkfifo(pipe)
    for command in ("inspect X", "data X", "try yolov8n.yaml X", "predict yolov8n.yaml --plan X"):
        code, lines = run(warm, place, worded(command, place, str(pipe)))
        assert code == 1 and len(lines) == 1, (command, code, lines)
        assert "Internal error" not in lines[0] and "does not exist" not in lines[0], lines


@pytest.mark.skipif(os.name != "posix", reason="names are text elsewhere")
@pytest.mark.parametrize("name", ["a\udcff", "\udce9t\udce9", "x\udc80.y"])
def test_names_that_are_not_utf8(name: str, warm: Warm, place: Path, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    model = small_files.written(folder / f"{name}.yaml", small_files.described())
    plan = small_files.written(folder / f"{name}.json", small_files.FINE)
    data = shutil.copytree(place / "data", folder / f"d{name}")
    out = folder / f"{name}.pt"
    commands = [["inspect", model], ["predict", model, "--plan", plan],
                ["prune", model, "--plan", plan, "-o", out], ["inspect", out],
                ["inspect", out, "--json"], ["data", data], ["data", data, "--json"],
                ["verify", model, out]]  # fmt: skip
    for words in commands:
        code, lines = run(warm, tmp_path, [str(word) for word in words])
        assert code == 0 or len(lines) == 1, (words, lines)
        assert not any("Internal error" in line for line in lines), (words, lines)


VALUES = [
    "predict yolov8n.yaml --plan FINE --device garbage",
    "evaluate yolov8n.yaml --data DATA --device garbage",
    "evaluate yolov8n.yaml --data DATA --device cuda:99",
    "evaluate yolov8n.yaml --data DATA --device -1",
    "evaluate yolov8n.yaml --data DATA --images DIGITS",
    "evaluate yolov8n.yaml --data DATA --image-size DIGITS",
    "evaluate yolov8n.yaml --data DATA --split garbage",
    "suggest yolov8n.yaml --plan TARGET --data DATA --device garbage",
    "latency yolov8n.yaml --device garbage",
    "latency yolov8n.yaml --batch DIGITS",
    "latency yolov8n.yaml --threads DIGITS",
    "latency yolov8n.yaml --repeats -1",
    "sensitivity yolov8n.yaml --data DATA -o OUT.pt --ratios DIGITS",
    "sensitivity yolov8n.yaml --data DATA -o OUT.pt --blocks DIGITS",
    "finetune yolov8n.yaml --data DATA -o OUT.pt --epochs DIGITS",
    "finetune yolov8n.yaml --data DATA -o OUT.pt --batch DIGITS",
    "finetune yolov8n.yaml --data DATA -o OUT.pt --device garbage",
    "finetune yolov8n.yaml --data DATA -o OUT.pt --set seed=-1",
    "finetune yolov8n.yaml --data DATA -o OUT.pt --set epochs=2024-01-01",
    "jobs resume garbage --batch DIGITS",
]


@pytest.mark.parametrize("command", VALUES)
def test_values_that_no_option_takes(command: str, warm: Warm, place: Path, tmp_path: Path) -> None:
    small_files.written(place / "fine.json", small_files.FINE)
    words = worded(command, place, "")
    words = [
        "9" * 5000 if w == "DIGITS" else str(place / "fine.json") if w == "FINE" else w
        for w in words
    ]
    code, lines = run(warm, tmp_path, words)
    assert code in (1, 2) and lines, (code, lines)
    assert "Traceback" not in "".join(lines) and "Internal error" not in "".join(lines), lines
    assert code == 2 or len(lines) == 1, lines


ODD_PLANS = [
    '{"version": 1, "minimum_channels": 9223372036854775808}',
    '{"version": 1, "seed": -1}',
    '{"version": 1, "seed": 1e400}',
    '{"version": 1, "rankings": 9223372036854775807}',
    '{"version": 1, "round_to": -9223372036854775809}',
    '{"version": 1, "locked": [9223372036854775808]}',
    '{"version": 1, "selection": [{"block": 9223372036854775808, "ratio": 0.5}]}',
    '{"version": 1, "selection": [{"layer": "model.5.conv", "channels": [9223372036854775808]}]}',
    '{"version": 1, "classes": [9223372036854775808]}',
    '{"version": 1, "max_loss": NaN}',
    '{"version": 1, "target": {"file_bytes": 99999999999999999999999999999}}',
    '{"version": 1, "selection": [{"scale": 9223372036854775808}]}',
]


def test_odd_numbers_in_plans(warm: Warm, tmp_path: Path) -> None:
    for number, text in enumerate(ODD_PLANS):
        path = small_files.written(tmp_path / f"{number}.json", text)
        code, lines = run(warm, tmp_path, ["predict", "yolov8n.yaml", "--plan", str(path)])
        assert code == 0 or len(lines) == 1, (text, lines)
        assert "Internal error" not in "".join(lines), (text, lines)


ODD_DATASETS = [
    "names: [2024-01-01, 2024-01-02]",
    "names: {2024-01-01: a}",
    "names: [2024-01-01 10:00:00]",
    "names: [!!binary aGFsbG8=]",
    "names: !!set {a, b}",
    "names: !!omap [a: b]",
    "2024-01-01: a\nnames: [a]",
    "nc: 2024-01-01",
    "path: 2024-01-01",
    *(
        f"names: [a]\n{rest}"
        for rest in (
            "kpt_shape: [2024-01-01, 3]", "kpt_shape: [1e999, 3]", "flip_idx: [2024-01-01]",
            "channels: 2024-01-01", "channels: -1", "channels: 1e300", f"channels: {'9' * 20}",
            "label_mapping: {2024-01-01: 3}", "max_depth: 2024-01-01", "depth_scale: .nan",
            'masks_dir: "\\0"',
        )
    ),
]  # fmt: skip


def test_odd_values_in_datasets(warm: Warm, place: Path) -> None:
    known = (place / "data/data.yaml").read_text("utf-8")
    start = "\n".join(
        line for line in known.splitlines() if line.startswith(("path", "train", "val"))
    )
    for number, text in enumerate(ODD_DATASETS):
        path = small_files.written(place / f"data/odd{number}.yaml", f"{start}\n{text}\n")
        for words in (["data", str(path)], ["evaluate", "yolov8n.yaml", "--data", str(path)]):
            code, lines = run(warm, place, words)
            said = "".join(lines)
            assert "Internal error" not in said and "Traceback" not in said, (text, lines)
            assert code == 0 or len(lines) == 1, (text, lines)
        path.unlink()
