"""Every command in the documents is run: some shorter, and some not, with the reason.

The folder it runs in is the demo's, its network under the names that the documents use.
`test_research_note.py` compares what is printed as well.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cli.main import build_parser
from core.demo import set_up
from tests.core import documents

ROOT = documents.ROOT
PATHS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in PATHS}
MODULES = "docs/modules.md"
ELSEWHERE = "docs/research-note.md"
"""Its own test runs this one."""
PYTHON_ELSEWHERE = ("docs/export.md", "docs/latency.md", "docs/report.md")
"""Their Python lines are run by tests/core/ship/test_documents.py, which looks closer."""

APART = {
    r"make (setup|run)\b": "installs; tests/scripts runs what it starts",
    r"make (test|test-scripts|lint|quick|measure|fuzz)\b": "is what runs this very test",
    r"make (bench|screenshots)\b": "minutes; measures the machine, or draws what is checked by eye",
    r"make compat\b": "minutes to an hour, and gigabytes; tests/scripts/test_compat.py",
    r"make dist\b": "half a minute; tests/package/test_distribution.py",
    r"make docs\b": "builds the site; tests/package/test_site.py",
    r"make (bundle|appimage)": "minutes; tests/package/test_bundle.py, test_desktop.py",
    r"(app|id|rights)=|find \"\$app|codesign |ditto |xcrun ": "needs macOS and its tools",
    r"pre-commit install": "changes the clone; tests/scripts looks at what it would run",
    r"(python3? -m venv |pip install )": "how to install; tests/package/test_distribution.py",
    r"\. \.venv/bin/activate|git clone |cd secateur": "how to install",
    r"python -m pytest ": "is what runs this very test",
    r"python -m tests\.fuzz ": "a minute; tests/core/test_fuzz.py, one kind for a moment",
    r"python (-m tests\.benchmarks|scripts/)": "minutes to hours; tests/scripts, much shorter",
    r"secateur demo\b": "minutes; tests/core/demo runs it with fewer scenes",
    r"secateur( \S+\.(pt|yaml|secateur))?$": "opens the window; tests/app does",
    r"secateur --self-test": "minutes; tests/package/test_self_test.py",
    r"secateur .* --on ray": "starts Ray, or needs a cluster; tests/core/cluster has both",
    r"secateur .* --on slurm": "needs a cluster; tests/core/runs/test_slurm.py, tests/core/cluster",
    r"secateur .* --nnodes ": "needs two computers; tests/core/tune/test_nodes.py has both",
    r"secateur jobs (show|cancel) JOB": "needs a job of Slurm; tests/core/runs/test_slurm.py",
    r"secateur latency.* --on ssh://": "needs a device; tests/core/ship/devices has a real sshd",
    r"secateur devices (rename|forget)": "needs a device; tests/core/ship/devices",
    r"secateur latency-kit .* --answers": "needs a device; tests/core/ship/devices",
    r"secateur jobs resume ": "needs a job that was cut off; tests/core/runs makes some",
    r"secateur export .* --format openvino --int8": "half a minute; tests/core/ship/quantize",
    r"secateur quantize .* --format openvino": "a minute; tests/core/ship/quantize",
    r"secateur .*bccd-(pruned|tuned)": "minutes; the document has shorter ones",
    r"secateur quantize .* --aware": "needs nvidia-modelopt; tests/core/ship/quantize",
}
"""Commands that are not run here, and why; whether they have their options is still looked at."""

SHORTER = {
    "suggest": "--images 4 --image-size 64",
    "search": "--budget 'macs 0.8' --trials 1 --images 4 --image-size 64",
    "prune": "--images 4 --image-size 64 --repair-minutes 0.02",
    "finetune": "--epochs 1 --image-size 64 --batch 4",
    "iterate": "--epochs 1 --image-size 64 --batch 4 --images 4",
    "compare": "--image-size 64",
    "try": "--image-size 64",
    "evaluate": "--image-size 64",
    "sensitivity": "--images 4 --image-size 64 --blocks 5 --ratios 0.5",
    "latency": "--image-size 64 --repeats 2",
    "latency-table": "--image-size 64",
    "latency-kit": "--image-size 64",
    "export": "--image-size 64",
    "quantize": "--image-size 64 --images 6 --turns 2 --keep none",
    "report": "--image-size 64 --threads 1 --samples 2",
}
"""What is added to a command to keep it short."""

WORDS = {
    "MODEL": "yolov8n.pt",
    "PRUNED": "small.pt",
    "DATA": "data.yaml",
    "PLAN": "plan.json",
    "FOLDER": "folder",
}
"""What represents the documents' capitals."""
OTHER_WORDS = {"docs/sensitivity.md": {"PLAN": "steps.json"}}
"""The same, where a document means something else."""

PLANS = {
    "plan.json": {"version": 1, "selection": [{"block": 5, "ratio": 0.5}]},
    "half.json": {"version": 1, "selection": [{"block": 1, "ratio": 0.5}]},
    "goal.json": {"version": 1, "criterion": "fisher", "target": {"macs": 0.7}},
    "steps.json": {
        "version": 1,
        "strategy": "one_by_one",
        "max_loss": 0.9,
        "selection": [{"block": 5, "ratio": 0.5}],
    },
}
"""Files that the documents name without making them."""


def network_shown() -> str:
    """Return the network that a document shows and its lines use."""
    (shown,) = (content for kind, content in documents.blocks(TEXTS[MODULES]) if kind == "yaml")
    return shown


def lines_of(text: str) -> list[str]:
    """Return the commands in a document's blocks for a shell, each on one line, without remarks."""
    found = []
    for language, content in documents.blocks(text):
        if language == "sh":
            joined = re.sub(r"\s*\\\n\s*", " ", content)
            joined = re.sub(r"\|\n\s*", "| ", joined)
            plain = (re.sub(r"(^|\s+)# .*$", "", line).strip() for line in joined.splitlines())
            found += [line for line in plain if line]
    return found


def reason_not_to_run(line: str) -> str | None:
    return next((why for pattern, why in APART.items() if re.match(pattern, line)), None)


def shortened(line: str, name: str) -> str:
    """Return a document's line as it is run here."""
    known = {**WORDS, **OTHER_WORDS.get(name, {})}
    line = re.sub(r" \[--[^]]*\]", "", line)
    line = re.sub(r"\b[A-Z]{4,}\b", lambda word: known.get(word[0], word[0]), line)
    words = line.split()
    added = SHORTER.get(words[1], "") if words[0] == "secateur" else ""
    return f"{line} {added}".strip()


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory, warm) -> Path:
    """A folder with the files that the documents take for granted."""
    place = set_up(tmp_path_factory.mktemp("documents") / "demo", train=8, val=4)
    folder = place.folder
    for name in ("yolov8n.pt", "yolov8n-coco.pt", "yolov8n-mine.pt"):
        shutil.copy(place.model, folder / name)
    for name in ("project.secateur", "mine.secateur"):
        shutil.copy(place.project, folder / name)
    for name in ("data.yaml", "coco128.yaml"):
        text = place.data.read_text("utf-8")
        (folder / name).write_text(re.sub(r"^path:.*\n", "", text) + "path: scenes\n", "utf-8")
    own = {
        "path": "scenes",
        "train": "images/train",
        "val": "images/val",
        "names": ["apple", "kiwi"],
    }
    (folder / "own.yaml").write_text(json.dumps(own), "utf-8")
    shutil.copy(ROOT / "tests/core/trust/examples/attention.py", folder / "my_modules.py")
    (folder / "coord.yaml").write_text(network_shown(), "utf-8")
    for name, plan in PLANS.items():
        (folder / name).write_text(json.dumps(plan), "utf-8")
    made = "secateur prune yolov8n.pt --plan plan.json -o small.pt && cp small.pt tuned.pt"
    documents.run(documents.Example(made, ()), folder, warm)
    return folder


@pytest.fixture
def folder(laid_out: Path, tmp_path: Path, warm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it; jobs that were started in it are waited for.

    What is remembered of a network, by its hash, is not for the tests of others.
    """
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    place = tmp_path / "here"
    shutil.copytree(laid_out, place)
    data = tmp_path / "shared" / "data"  # trained networks, and a whole task
    (data / "bccd").mkdir(parents=True)
    shutil.copy(place / "yolov8n.pt", data / "yolov8n-bccd.pt")
    scenes = (
        (place / "data.yaml").read_text("utf-8").replace("path: scenes", f"path: {place}/scenes")
    )
    (data / "bccd" / "bccd.yaml").write_text(scenes, "utf-8")
    yield place
    until = time.monotonic() + 300
    while time.monotonic() < until:
        asked = documents.Example("secateur jobs --json", ())
        jobs = json.loads(documents.run(asked, place, warm))["jobs"]
        if not any(job["state"] in ("ready", "running", "waiting") for job in jobs):
            return
        time.sleep(0.5)
    raise TimeoutError("a job did not end")


@pytest.mark.parametrize("name", [name for name in TEXTS if name != ELSEWHERE])
def test_every_command_does_what_it_says(name: str, folder: Path, warm) -> None:
    for line in lines_of(TEXTS[name]):
        if reason_not_to_run(line) is None:
            documents.run(documents.Example(shortened(line, name), ()), folder, warm)
    for example in documents.examples(TEXTS[name]):
        if example.python and name in PYTHON_ELSEWHERE:
            continue
        output = documents.run(example, folder, warm)
        if example.printed:
            assert documents.matches(example.printed, output), output


def test_every_block_is_of_a_kind_that_is_looked_at() -> None:
    kinds = {"sh", "console", "python", "text", "json", "bat"}
    for name, text in TEXTS.items():
        found = {language for language, _ in documents.blocks(text)}
        assert found <= (kinds | {"yaml"} if name == MODULES else kinds), name
        assert text.count("```") == 2 * len(documents.blocks(text)), name


def test_no_reason_is_left_over() -> None:
    lines = [line for text in TEXTS.values() for line in lines_of(text)]
    for pattern in APART:
        assert any(re.match(pattern, line) for line in lines), pattern
    assert len([line for line in lines if reason_not_to_run(line) is None]) > 30


def test_files_of_the_source_that_commands_name_are_there() -> None:
    lines = [line for text in TEXTS.values() for line in lines_of(text)]
    named = {path for line in lines for path in re.findall(r"(?<!\S)(?:tests|scripts)/\S+", line)}
    named |= {
        module.replace(".", "/")
        for line in lines
        for module in re.findall(r"python -m ((?:tests|scripts)\.\S+)", line)
    }
    assert len(named) > 5
    for path in named:
        assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists(), path


def test_places_in_the_source_that_documents_name_are_there() -> None:
    """``NAME`` and ``FEATURE`` represent any file or folder."""
    place = r"`((?:app|core|resources|tests|typings|scripts|docs)/[\w./-]*)(?:::?\w+)?`"
    named = {(name, found) for name, text in TEXTS.items() for found in re.findall(place, text)}
    assert len(named) > 40
    missing = [
        (name, found)
        for name, found in sorted(named)
        if not list(ROOT.glob(re.sub(r"NAME|FEATURE", "*", found).rstrip("/")))
    ]
    assert missing == []


def subparsers() -> dict:
    (action,) = (a for a in build_parser()._actions if a.dest == "command")
    return action.choices


def test_commands_that_are_only_named_have_the_options_they_are_shown_with() -> None:
    known = subparsers()
    for name, text in TEXTS.items():
        named = re.findall(r"`secateur ([a-z][a-z-]*)\b([^`]*)`", text)
        named += [
            (line.split()[1], line)
            for line in lines_of(text)
            if re.match(r"secateur [a-z][a-z-]*( |$)", line)
        ]
        for command, rest in named:
            assert command in known, f"{name}: {command}"
            options = re.findall(r"(?<!\S)\[?(--?[a-z][a-z0-9-]*)", rest)
            assert set(options) <= set(known[command]._option_string_actions), f"{name}: {rest}"


def test_every_command_of_the_program_is_run_in_a_document() -> None:
    lines = [line for text in TEXTS.values() for line in lines_of(text)]
    lines += [e.code for text in TEXTS.values() for e in documents.examples(text)]
    shown = {word for line in lines for word in re.findall(r"^secateur ([a-z-]+)", line)}
    assert set(subparsers()) - {"engine"} <= shown, set(subparsers()) - shown
    table = set(re.findall(r"^\| `([a-z-]+)", TEXTS["docs/command-line.md"], re.MULTILINE))
    assert set(subparsers()) - {"engine"} <= table


def test_programs_that_are_only_named_have_the_options_they_are_shown_with(warm) -> None:
    seen: dict[str, set[str]] = {}
    for text in TEXTS.values():
        inline = re.findall(r"`(python (?:-m|scripts/)[^`]*)`", text)
        for line in [*lines_of(text), *inline]:
            if match := re.match(r"(python (?:-m (?:tests|scripts)\.\S+|scripts/\S+))(.*)", line):
                options = re.findall(r"(?<!\S)(--[a-z][a-z0-9-]*)", match[2])
                seen.setdefault(match[1], set()).update(options)
    assert len(seen) > 5
    for program, options in seen.items():
        said = subprocess.run(
            ["sh", "-c", f"{program} --help"], cwd=ROOT, env=warm.environment(), check=True,
            capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip
        assert options <= set(re.findall(r"--[a-z][a-z0-9-]*", said)), program


def test_links_lead_somewhere() -> None:
    for path in (*PATHS, ROOT / "CHANGELOG.md"):
        text = path.read_text("utf-8")
        text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name}: {target}"
    pictures = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    shown = {
        Path(p).name for t in TEXTS.values() for p in re.findall(r"images/[\w.-]+\.(?:png|svg)", t)
    }
    assert shown <= pictures
