"""What commands print arrives, or it is said in one line why not; nothing else is lost."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.cli.output import as_json
from core.project import ModelReference, Project, write_project
from tests.core.warm import Warm

full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
COMMANDS = ["--help", "inspect --help", "--version", "inspect yolov8n.yaml",
            "inspect yolov8n.yaml --json", "jobs", "history"]  # fmt: skip


def run(warm: Warm, line: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [str(warm.folder / "secateur"), *line.split()]
    told = {"env": warm.environment(), "text": True, "timeout": 600, "check": False, **options}
    return subprocess.run(command, **told)


@full
@pytest.mark.parametrize("line", COMMANDS)
def test_a_full_disk_behind_the_output_is_one_line(line: str, warm: Warm) -> None:
    with Path("/dev/full").open("w") as stream:
        done = run(warm, line, stdout=stream, stderr=subprocess.PIPE)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert "no space left on device" in said and "nternal" not in said


@full
@pytest.mark.parametrize("line", ["inspect nope.pt", "--nope", "inspect yolov8n.yaml"])
def test_a_full_disk_behind_the_errors_changes_no_code(line: str, warm: Warm) -> None:
    with Path("/dev/full").open("w") as stream:
        done = run(warm, line, stdout=subprocess.PIPE, stderr=stream)
    assert done.returncode == {"inspect nope.pt": 1, "--nope": 2}.get(line, 0)


@full
def test_events_that_cannot_be_printed_do_not_stop_the_work(warm: Warm, tmp_path: Path) -> None:
    plan = tmp_path / "p.json"
    plan.write_text('{"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}')
    line = f"prune yolov8n.yaml --plan {plan} -o {tmp_path}/out.pt --events"
    with Path("/dev/full").open("w") as stream:
        done = run(warm, line, stdout=stream, stderr=subprocess.PIPE)
    assert (tmp_path / "out.pt").is_file()
    assert done.returncode == 1 and "files that were named are written" in done.stderr


@pytest.mark.parametrize("line", COMMANDS)
def test_a_reader_that_goes_away_is_no_fault(line: str, warm: Warm) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(warm, line, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert done.returncode == 0 and not done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_output_without_our_characters_gets_them_written_out(encoding: str, warm: Warm) -> None:
    environment = {**warm.environment(), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for words, code in (("predict yolov8n.yaml --plan nope…→.json", 1), ("--help", 0), ("jobs", 0)):
        command = [sys.executable, "-m", "core.cli", *words.split()]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert done.returncode == code and b"nternal" not in done.stderr, done.stderr


COMMANDS_THAT_WRITE = {
    "prune yolov8n.yaml --plan PLAN -o OUT": "x.pt",
    "suggest yolov8n.yaml --plan PLAN -o OUT": "x.json",
    "export yolov8n.yaml --format onnx --image-size 64 -o OUT": "x.onnx",
    "report PROJECT -o OUT": "x.md",
    "plan yolov8n.yaml PLAN -o OUT": "x.json",
}


@pytest.fixture(params=["pipe", "socket", "folder", "device"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    """Something that is there and no file; a device of the system's own is not risked."""

    def make(name: str) -> Path:
        path = tmp_path / name
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "folder":
            path.mkdir()
        elif request.param == "socket":
            with socket.socket(socket.AF_UNIX) as link:
                link.bind(str(path))
        else:
            try:
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))
            except OSError:
                pytest.skip("needs leave to make a device")
        return path

    return make


@pytest.mark.parametrize("line", COMMANDS_THAT_WRITE)
def test_what_is_no_file_is_not_written_over(
    line: str, no_file: Callable[[str], Path], warm: Warm, tmp_path: Path
) -> None:
    output = no_file(COMMANDS_THAT_WRITE[line])
    before = output.lstat()
    plan, project = tmp_path / "p.json", tmp_path / "p.secateur"
    plan.write_text('{"version": 1, "target": {"macs": 0.8}}')
    write_project(project, Project(model=ModelReference(path="yolov8n.yaml")))
    for word, path in {"PLAN": plan, "PROJECT": project, "OUT": output}.items():
        line = line.replace(word, str(path))
    done = run(warm, line, capture_output=True)
    assert done.returncode == 1 and "nternal" not in done.stderr, done.stderr
    assert len([x for x in done.stderr.splitlines() if x.startswith("secateur: ")]) == 1
    assert output.lstat() == before


def test_what_is_no_number_is_null() -> None:
    data = {"a": [float("nan"), (1.5, -float("inf"))], "b": {"c": float("inf")}, "d": "NaN"}
    assert as_json(data) == '{"a": [null, [1.5, null]], "b": {"c": null}, "d": "NaN"}'
