"""A project full of hostile names: no command prints them as they are, and each one is tried."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator

import pytest
import yaml

from core.cli.commands import command_names
from core.cli.main import main
from core.system.visible import KEPT
from tests.core.cli.test_hostile_words import COMMANDS as OTHERS
from tests.core.cli.test_hostile_words import EVIL
from tests.fuzz.world import World, build, homes

NAME = EVIL.replace("/", "")
COMMANDS = [
    "inspect MODEL", "predict MODEL --plan PLAN", "why MODEL --from 2 --to 4",
    f"why MODEL --from {EVIL.split()[0]} --to 4", "verify MODEL PRUNED", "plan MODEL PRUNED -o OUT",
    "evaluate MODEL --data DATA --image-size 64", "compare MODEL PRUNED --data DATA --turns 0",
    "compare MODEL PRUNED --layers", "try MODEL IMAGE", "formats", "devices",
    f"devices add {EVIL.split()[0]}", "sensitivity MODEL --data DATA -o OUT --blocks 99",
    "sensitivity MODEL --data DATA -o OUT --blocks 2 --ratios 0.5 --images 2 --image-size 64",
    f"export MODEL -o OUT --format {EVIL.split()[0]}", "export MODEL -o OUT --format torchscript",
    f"quantize MODEL --data DATA -o OUT --format {EVIL.split()[0]}",
    "quantize MODEL --data MISSING -o OUT",
    f"latency MODEL --runtime {EVIL.split()[0]}", f"latency MODEL --on {EVIL.split()[0]}",
    f"latency-table MODEL --runtime {EVIL.split()[0]}", f"latency-kit MODEL --answers {NAME[:9]}",
    "finetune PRUNED --data MISSING", "iterate MODEL --plan PLAN --data MISSING",
    "suggest MODEL --plan PLAN", "retarget MODEL --data DATA -o OUT", "data DATA",
    "history HISTORY", "history PROJECT", "steps STEPS", "jobs JOBS", "jobs", "jobs show JOB",
    "jobs log JOB", "jobs resume JOB", "report PROJECT -o OUT", "trust list", "trust show OWN",
    "trust remove OWN", "report-problem -o OUT --project PROJECT", "arguments epochs",
    "prune MODEL --plan PLAN -o OUT",
    f"search MODEL --data DATA --budget {EVIL.split()[0]} --out OUT",
]  # fmt: skip
ELSEWHERE = {"demo": "has no names of others"}
ENDINGS = {"plan": ".json", "export": ".torchscript", "quantize": ".onnx", "report": ".md",
           "report-problem": ".zip", "sensitivity": ".jsonl"}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """All files and what is in them have such names."""
    root = tmp_path_factory.mktemp("hostile") / f"w{NAME}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in homes(root).items():
            patch.setenv(name, value)
        made = build(root)
        _hostile(made)
        made.remember()
        yield made


def _hostile(world: World) -> None:
    folder = world["project"].parent
    data = yaml.safe_load(world["data"].read_text())
    world["data"].write_text(yaml.safe_dump({**data, "names": [f"{EVIL} {n}" for n in range(3)]}))
    for path in world["history"].glob("*.json"):
        node = json.loads(path.read_text())
        path.write_text(json.dumps({**node, "title": EVIL}))
    for path in (world["job"], world["waiting"]):
        job = json.loads(path.read_text())
        kind = EVIL if path == world["waiting"] else "finetune"
        told = {"message": EVIL, "hint": EVIL, "kind": kind}
        path.write_text(json.dumps({**job, **told}))
    (world["job"].parent / "log.txt").write_text(EVIL)
    events = world["events"].read_text().replace("train/box_loss", json.dumps(EVIL)[1:-1])
    world["events"].write_text(events + json.dumps({"event": EVIL, "text": EVIL}) + "\n")
    steps = world["steps"].read_text().replace('"note": ""', f'"note": {json.dumps(EVIL)}')
    steps = steps.replace("step-001.pt", json.dumps(NAME)[1:-1])
    world["steps"].write_text(steps)
    own = folder / "own.py"
    own.rename(folder / f"own{NAME}.py")
    trusted = world["trusted"].read_text().replace("own.py", json.dumps(f"own{NAME}.py")[1:-1])
    world["trusted"].write_text(trusted)
    world.files |= {"own": folder / f"own{NAME}.py", "jobs": world["job"].parent.parent,
                    "missing": folder / f"{NAME}.yaml", "steps": world["steps"].parent,
                    "job": world["job"].parent}  # fmt: skip


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize("line", COMMANDS)
def test_no_command_prints_what_steers_a_terminal(
    line: str, json_too: bool, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    command = line.split()[0]
    output = world.root / "files" / f"o{NAME}{ENDINGS.get(command, '.pt')}"
    words = [
        str(output) if word == "OUT" else str(world[word.lower()]) if word.isupper() else word
        for word in line.split()
    ]
    try:
        code = main([*words, "--json"] if json_too else words)
    except SystemExit as left:  # wrong usage
        code = int(str(left.code))
    finally:
        world.restore()
    printed = capfd.readouterr()
    for text in printed:
        bad = {c for c in text if c not in KEPT and unicodedata.category(c) in {"Cc", "Cf"}}
        assert not bad, text[:300]
        assert "nternal error" not in text and "Traceback" not in text, text[:600]
    if code == 0 and json_too:
        json.loads(printed.out)


def test_every_command_is_tried() -> None:
    tried = {line.split()[0] for line in (*COMMANDS, *OTHERS) if line.split()}
    assert set(command_names()) - tried == set(ELSEWHERE)
