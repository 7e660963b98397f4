"""Scripts and benchmarks run as the documents name them: from the project's root, to their end.

What they do there in minutes or hours is done here with tiny settings, on the demo's network.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.scenes import write_dataset

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "resources" / "demo" / "demo.pt"
TEXTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "Makefile", ROOT / "build.spec")
DOCUMENTS = (*TEXTS, *sorted((ROOT / "docs").glob("*.md")))


@dataclass(frozen=True)
class Run:
    """A program, with what keeps it short, what it prints, and the files it leaves.

    Capitals stand for the network, its dataset and an empty folder.
    """

    options: str
    printed: str = ""
    files: tuple[str, ...] = ()


LOOKS = (
    "empty", "model", "cascade", "conflicts", "inspector", "why", "pruned", "latency", "export",
    "suggest", "sensitivity", "tuning",
)  # fmt: skip
COMPARED = ("compare", "compare-classes", "compare-layers", "compare-images", "history")
RUNS = {
    "scripts/accuracy.py": Run(
        "MODEL DATA --images 4 --val-images 2 --size 64 --threads 1 --steps 0.9 --only l2"
        " --allocations uniform --torch-pruning --results FOLDER/rows.jsonl",
        r"\| `l2` \| uniform \| 0\.\d+ .*\| `Taylor, .*\| `L2, local` \| Torch-Pruning \| 0\.\d+ ",
        ("rows.jsonl",),
    ),
    "scripts/architecture_picture.py": Run("-o FOLDER/a.svg", files=("a.svg",)),
    "scripts/channel_picture.py": Run("-o FOLDER/c.svg", files=("c.svg",)),
    "scripts/judge.py": Run(
        "MODEL DATA --images 4 --size 64 --folds 2 --less 0.3 --ways raw bn coarse:bn"
        " tuned:recover_quickly tuned:torch-pruning tuned:narrow torch-pruning narrow resolution"
        " int8 uint8 turns --tune-minutes 0.02 --time --threads 1 --folder FOLDER/judged",
        r"\| unpruned \| 0 \| 0\.\d+ \(100\.0%.*\| `int8` \| 0 \| 0\.\d+ .*\| not available \|"
        r".*\| `bn` \| −30% \| 0\.\d+ \(.*% to .*%\) \| 0\..*"
        r"\| `tuned:recover_quickly` \| −30% \| 0\.\d+ \(.*\| `torch-pruning` \| −\d+% \| 0\."
        r".*\| `narrow` \(width .* tensors loaded\) \| −\d+% \| 0\..*\| `resolution` \(64 px\) \|"
        r".*\| \d\.\d\d \(\d\.\d\d to \d\.\d\d\), \d+\.\d ms \|",
        (
            "judged/fold0-0.3-bn.npz",
            "judged/fold0-0.3-tuned-recover_quickly.npz",
            "judged/fold0-0.3-turns.npz",
            "judged/fold0-0-int8.onnx",
        ),
    ),
    "scripts/kill_commands.py": Run(
        "MODEL DATA --kills 6 --steps 3 --only prune tune save",
        r"6 kills \(\d hit .*, 3 with a step of the clock\): 6 as if left alone, 0 not",
    ),
    "scripts/kill_runs.py": Run(
        "MODEL DATA --runs 1 --epochs 2", "1 of 1 runs equal the one that was left alone"
    ),
    "scripts/latency_table.py": Run(
        "MODEL DATA --images 4 --size 64 --latency-size 64 --rounds 2 --threads 1 --repeats 2"
        " --criterion l2 --repair bn",
        r"\| unpruned \| 1\.000 .*\| target GFLOPs until ms are 0\.7, `round_to` 8 \| 0\.\d+ ",
    ),
    "scripts/moving_picture.py": Run("-o FOLDER/m.gif", files=("m.gif",)),
    "scripts/repair_table.py": Run(
        "MODEL DATA --images 4 --size 64 --less 0.3 --threads 1 --minutes 0.02 --cpu-minutes",
        r"\| -30\.0% \| 0\.\d+ .*distill .* → ",
    ),
    "scripts/run_demo.py": Run(
        "-o FOLDER/demo --scenes 6 --epochs 1",
        "Pictures of the window:.*Done: see .*report.html",
        (
            "demo/report.html",
            "demo/screenshots/plan-light.png",
            "demo/screenshots/compare-dark.png",
        ),
    ),
    "scripts/demo_pictures.py": Run(
        "FOLDER/demo --docs FOLDER/pictures --looks light",
        files=tuple(f"pictures/{name}-light.png" for name in COMPARED),
    ),
    "scripts/screenshots.py": Run(
        "FOLDER --model MODEL --data DATA --looks light --images 2 --size 64 --epochs 2",
        files=tuple(f"{name}-light.png" for name in LOOKS),
    ),
    "scripts/train_demo.py": Run(
        "--epochs 1 --scenes 8 --size 64 --batch 4 -o FOLDER",
        r'"map50_95": 0\.\d+',
        ("demo.pt", "demo.json"),
    ),
    "scripts/tuned_table.py": Run(
        "MODEL DATA --images 4 --size 64 --less 0.1 --epochs 1 --folder FOLDER",
        r"\| Secateur \| −10\.\d% .*\| Torch-Pruning \| −\d+\.\d% \| `recover_fully` \| 0\.",
        ("rows.jsonl",),
    ),
    "-m tests.benchmarks": Run(
        "--models yolov8n --rounds 1", r"analysis \(ms\): secateur .*ratio_tp_640 .*peak memory"
    ),
    "-m tests.benchmarks.latency": Run(
        "MODEL --runtime onnx --threads 1 --image-size 64 --plans 2 --repeats 2",
        "time: median .* of 2 within 10%",
    ),
    "-m tests.benchmarks.live": Run(
        "--model MODEL --data DATA --size 64 --seconds 1 --rounds 1 --events 100 --threads 1",
        '"training": .*"events": .*"told": ',
    ),
    "-m tests.benchmarks.ray": Run(
        "MODEL DATA --image-size 64 --threads 1 --turns 1 --blocks 15 21 --ways one ray",
        '"equal": true',
    ),
    "-m tests.benchmarks.sensitivity": Run(
        "MODEL DATA --image-size 64 --threads 1 --every 40", '"largest_gap": 0.0'
    ),
    "-m tests.benchmarks.window": Run(
        "--family yolov8n --rounds 2 --cycles 2", "start: .*slider tick.*frames.*memory"
    ),
}
"""What is run here, as the documents write it after `python`."""
FIRST = {"scripts/demo_pictures.py": "scripts/run_demo.py"}
"""What has to be run before in the same folder."""
ELSEWHERE = {
    "scripts/system-libs.sh": "tests/scripts/test_make.py",
    "scripts/compat.py": "tests/scripts/test_compat.py",
    "-m scripts.bundle.check": "tests/package/test_bundle.py",
    "-m scripts.bundle.sizes": "tests/package/test_sizes.py",
    "-m scripts.bundle.tarball": "tests/package/test_desktop.py",
}
"""What other tests run."""
PARTS = {
    "scripts/drive_window.py": "scripts/kill_runs.py",
    "scripts/kill_deeds.py": "scripts/kill_commands.py",
}
"""Scripts that another one starts."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("scenes"), train=4, val=2)


def start(program: str, data: Path, folder: Path) -> str:
    """Run a program as a person does who has installed the project; return what it prints."""
    places = {"MODEL": str(MODEL), "DATA": str(data), "FOLDER": str(folder)}
    options = re.sub(r"\b[A-Z]{4,}\b", lambda word: places[word[0]], RUNS[program].options)
    left = ("PYTHONPATH", "DISPLAY", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in left}
    environment |= {f"XDG_{n}_HOME": str(folder / n) for n in ("CACHE", "CONFIG", "DATA", "STATE")}
    environment |= {"QT_QPA_PLATFORM": "offscreen", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *program.split(), *options.split()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.parametrize("program", [name for name in RUNS if name not in FIRST.values()])
def test_it_runs_to_its_end(program: str, data: Path, tmp_path: Path) -> None:
    if program.startswith("scripts/kill_") and sys.platform == "win32":
        pytest.skip("kills as POSIX does")
    for name in filter(None, (FIRST.get(program), program)):
        printed = start(name, data, tmp_path)
        assert re.search(RUNS[name].printed, printed, re.DOTALL), printed
        for file in RUNS[name].files:
            assert (tmp_path / file).stat().st_size > 0, file


def named(text: str) -> set[str]:
    """Return the programs of this project that a text names, as `RUNS` has them."""
    found = set(re.findall(r"(?<![\w/])scripts/[\w-]+\.(?:py|sh)", text))
    modules = re.findall(r"-m ((?:tests\.benchmarks|scripts)(?:\.\w+)*)", text)
    return found | {f"-m {name}" for name in modules}


def test_whatever_documents_name_is_run() -> None:
    programs = set().union(*(named(path.read_text(encoding="utf-8")) for path in DOCUMENTS))
    assert len(programs) > 12
    assert programs <= set(RUNS) | set(ELSEWHERE) | set(PARTS)
    for program, test in ELSEWHERE.items():
        name = program.rpartition(".")[2] if program.startswith("-m ") else program
        assert name in (ROOT / test).read_text(encoding="utf-8"), program


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda p: p.name)
def test_a_script_uses_the_tree_it_lies_in(path: Path) -> None:
    """Wherever it is started from, and whatever else is installed."""
    lines = path.read_text(encoding="utf-8").splitlines()
    ours = re.compile(r"(from|import) (app|core|resources|scripts|tests)\b")
    first = next((n for n, line in enumerate(lines) if ours.match(line)), len(lines))
    start = "sys.path.insert(0, str(Path(__file__).resolve().parents[1]))"
    assert any(line.startswith(start) for line in lines[:first])


def test_every_script_is_run_and_every_run_is_of_a_script() -> None:
    scripts = {f"scripts/{path.name}" for path in (ROOT / "scripts").glob("*.*")}
    modules = {path.stem for path in (ROOT / "tests" / "benchmarks").glob("*.py")}
    scripts |= {f"-m tests.benchmarks.{name}" for name in modules if not name.startswith("_")}
    scripts.add("-m tests.benchmarks")
    bundle = {name for name in ELSEWHERE if "bundle" in name}
    assert scripts == (set(RUNS) | set(ELSEWHERE) | set(PARTS)) - bundle
    for name in bundle:
        assert (ROOT / f"{name.split()[1].replace('.', '/')}.py").is_file()
    for part, program in PARTS.items():
        assert Path(part).name in (ROOT / program).read_text(encoding="utf-8")
