"""Small files that ask for much are refused in one line, before they take time or memory.

Measured in a process of its own that has its libraries already: seconds of its processor, and how
much more memory it has at its peak than when it began.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core import small_files
from tests.core.warm import Warm

SECONDS, MEGABYTES = 2.0, 500
_MEASURE = """
import json, resource, sys
from pathlib import Path
from core.cli.main import main
Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
def now(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
before = now("VmRSS")
code = main(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_SELF)
told = [code, used.ru_utime + used.ru_stime, now("VmHWM") - before]
Path(sys.argv[1]).write_text(json.dumps(told))
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measured by Linux's /proc")


class Refusals:
    """Runs commands that should refuse what they are given."""

    def __init__(self, warm: Warm, folder: Path) -> None:
        self._environment, self.folder = warm.environment(), folder

    def __call__(self, *words: str | Path) -> str:
        """Return the line that a command prints; fails where it takes too much, or does it.

        Other work on the machine only adds to the seconds, so of two tries the shorter one counts.
        """
        line, seconds = self._try(*words)
        if seconds > SECONDS:
            line, seconds = self._try(*words)
        assert seconds < SECONDS, f"{seconds:.1f} s: {line}"
        return line

    def _try(self, *words: str | Path) -> tuple[str, float]:
        place = self.folder / "told.json"
        place.unlink(missing_ok=True)
        command = ["python", "-c", _MEASURE, str(place), *map(str, words)]
        done = subprocess.run(
            command, env=self._environment, cwd=self.folder, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
        assert place.exists(), done.stderr[-2000:]
        code, seconds, megabytes = json.loads(place.read_text())
        lines = done.stderr.splitlines()
        assert code == 1 and len(lines) == 1, (code, lines)
        assert lines[0].startswith("secateur: ") and len(lines[0]) < 700, lines[0]
        assert "Internal error" not in lines[0] and "Traceback" not in done.stdout
        assert megabytes < MEGABYTES, f"{megabytes:.0f} MB: {lines[0]}"
        return lines[0], seconds


@pytest.fixture
def refusal(warm: Warm, tmp_path: Path) -> Refusals:
    return Refusals(warm, tmp_path)


@pytest.mark.parametrize("kind", small_files.DATASETS)
def test_a_dataset(kind: str, refusal: Refusals) -> None:
    path = small_files.written(refusal.folder / "data.yaml", small_files.DATASETS[kind])
    assert "data.yaml" in refusal("data", path)


@pytest.mark.parametrize("kind", ["a number of classes", "lists of lists", "itself", "too large"])
def test_a_dataset_for_a_command_that_looks_at_images(kind: str, refusal: Refusals) -> None:
    path = small_files.written(refusal.folder / "data.yaml", small_files.DATASETS[kind])
    assert "data.yaml" in refusal("evaluate", "yolov8n.yaml", "--data", path)


@pytest.mark.parametrize("kind", small_files.MODELS)
def test_a_model_yaml(kind: str, refusal: Refusals) -> None:
    path = small_files.written(refusal.folder / "model.yaml", small_files.MODELS[kind])
    assert "model.yaml" in refusal("inspect", path)


@pytest.mark.parametrize("kind", small_files.PICKLES)
def test_a_pickle(kind: str, refusal: Refusals) -> None:
    path = refusal.folder / "model.pt"
    small_files.write_pickle(kind, path)
    assert "model.pt" in refusal("inspect", path)


@pytest.mark.parametrize("kind", ["3 million lists", "a key of tuples", "a far place in the memo"])
def test_a_pickle_that_is_no_archive(kind: str, refusal: Refusals) -> None:
    path = small_files.written(refusal.folder / "model.pt", small_files.PICKLES[kind][0])
    assert "model.pt" in refusal("inspect", path)


def test_an_archive_of_many_files(refusal: Refusals) -> None:
    path = refusal.folder / "model.pt"
    small_files.write_many_members(path)
    assert "more than 50,000 files" in refusal("inspect", path)


@pytest.mark.parametrize("kind", small_files.NETWORKS)
def test_a_network(kind: str, refusal: Refusals) -> None:
    path = refusal.folder / "model.pt"
    small_files.write_network(kind, path, refusal.folder)
    assert refusal("inspect", path)


@pytest.mark.parametrize("kind", small_files.TEXTS)
def test_a_plan(kind: str, refusal: Refusals) -> None:
    path = small_files.written(refusal.folder / "plan.json", small_files.TEXTS[kind])
    assert "plan" in refusal("predict", "yolov8n.yaml", "--plan", path)


@pytest.mark.parametrize("kind", small_files.TEXTS)
def test_a_project(kind: str, refusal: Refusals) -> None:
    path = small_files.written(refusal.folder / "p.secateur", small_files.TEXTS[kind])
    assert "p.secateur" in refusal("report", path, "-o", refusal.folder / "r.html")


@pytest.mark.parametrize("kind", small_files.TEXTS)
def test_a_job(kind: str, refusal: Refusals) -> None:
    folder = refusal.folder / "job"
    folder.mkdir()
    small_files.written(folder / "job.json", small_files.TEXTS[kind])
    assert "job" in refusal("jobs", "show", folder)


@pytest.mark.parametrize("kind", small_files.TEXTS)
def test_settings_of_a_job(kind: str, refusal: Refusals) -> None:
    path = small_files.written(refusal.folder / "settings.json", small_files.TEXTS[kind])
    assert refusal("jobs", "new", "finetune", path)


@pytest.mark.parametrize(
    "text",
    ["9" * 5000, "[" * 900, "&a [*a]", "2024-99-99", "{a: " * 80 + "}" * 80, "0x" + "f" * 9000],
)
def test_an_argument_of_a_training(text: str, refusal: Refusals) -> None:
    words = ("finetune", "yolov8n.yaml", "--data", "d.yaml", "-o", "t.pt", "--set", f"lr0={text}")
    assert refusal(*words)
