"""The program as others start it: packaged, without streams, in Python's place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.__main__ import main
from core.system import logs, program
from core.system.versions import SECATEUR

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/secateur/secateur")
    return sys.executable


def test_it_starts_itself_through_python() -> None:
    assert program.own_command("core.cli", "jobs") == [sys.executable, "-m", "core.cli", "jobs"]
    assert str(ROOT) in program.own_environment()["PYTHONPATH"].split(os.pathsep)


def test_packaged_it_starts_itself(packaged: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.runs import launch
    from core.sensitivity import spread

    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert program.own_command("core.cli", "jobs", "run", "x") == [packaged, "jobs", "run", "x"]
    assert "PYTHONPATH" not in program.own_environment()
    assert program.own_environment()["PYINSTALLER_RESET_ENVIRONMENT"] == "1"
    for module in (launch, spread):
        assert module.own_command is program.own_command


def test_from_an_app_image_jobs_outlive_the_folder_it_is_mounted_at(
    tmp_path: Path, packaged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "Secateur.AppImage"
    image.touch()
    monkeypatch.setenv("APPIMAGE", str(image))
    monkeypatch.setenv("APPDIR", "/opt/secateur")
    assert program.own_command("core.cli", "jobs", outlives=True) == [str(image), "jobs"]
    assert program.own_command("core.cli", "jobs") == [packaged, "jobs"]


@pytest.mark.parametrize(
    ("image", "mounted"),
    [
        ("other.AppImage", "/tmp/.mount_other"),  # started by another AppImage
        ("gone.AppImage", "/opt/secateur"),
        ("other.AppImage", ""),
    ],
)
def test_not_from_an_app_image_of_ours(
    tmp_path: Path, packaged: str, monkeypatch: pytest.MonkeyPatch, image: str, mounted: str
) -> None:
    (tmp_path / "other.AppImage").touch()
    monkeypatch.setenv("APPIMAGE", str(tmp_path / image))
    monkeypatch.setenv("APPDIR", mounted)
    assert program.own_command("core.cli", "jobs", outlives=True) == [packaged, "jobs"]


def run(code: str, home: Path, **options) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
    environment |= {f"XDG_{kind}_HOME": str(home) for kind in ("STATE", "CACHE", "CONFIG")}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=home, timeout=120, **options
    )


TALKS = """
import os, sys
assert sys.stdout is None and sys.stderr is None and sys.stdin is None
from core.system.program import prepare
prepare()
print("from Python"); print("an error", file=sys.stderr)
os.write(1, b"from a library\\n")
assert sys.stdin.read() == ""
with open("own.txt", "w") as own:
    assert own.fileno() > 2, own.fileno()
import subprocess
subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="closes POSIX descriptors")
def test_without_streams_what_is_printed_goes_to_the_log(tmp_path: Path) -> None:
    done = run(TALKS, tmp_path, preexec_fn=lambda: os.closerange(0, 3))
    assert done.returncode == 0
    (log,) = tmp_path.rglob("output.log")
    lines = log.read_text().splitlines()
    assert sorted(lines) == ["an error", "from Python", "from a child", "from a library"]


@pytest.mark.skipif(sys.platform == "win32", reason="closes POSIX descriptors")
def test_the_log_is_begun_anew_when_it_is_long(tmp_path: Path) -> None:
    done = run(TALKS, tmp_path, preexec_fn=lambda: os.closerange(0, 3))
    assert done.returncode == 0
    (log,) = tmp_path.rglob("output.log")
    log.write_bytes(b"x" * (logs.LIMIT + 1))
    assert run(TALKS, tmp_path, preexec_fn=lambda: os.closerange(0, 3)).returncode == 0
    assert log.stat().st_size < 1000
    assert log.with_name("output.log.1").stat().st_size == logs.LIMIT + 1


@pytest.mark.skipif(sys.platform == "win32", reason="closes POSIX descriptors")
def test_a_home_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "secateur").write_text("in the way of every folder")
    code = "from core.system.program import prepare; prepare(); print('to nowhere')"
    done = run(code, tmp_path, preexec_fn=lambda: os.closerange(0, 3))
    assert done.returncode == 0


def test_streams_that_are_there_stay() -> None:
    before = sys.stdin, sys.stdout, sys.stderr
    program.prepare()
    assert (sys.stdin, sys.stdout, sys.stderr) == before


LIBRARIES = """
import json, os, sys
sys.frozen = True
from core.system.program import prepare
prepare()
print(json.dumps({name: os.environ.get(name) for name in ("LD_LIBRARY_PATH", "LIBPATH")}))
"""


def test_other_programs_get_their_library_path_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path}/bundled")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/usr/lib/theirs")
    monkeypatch.setenv("LIBPATH", "/bundled")
    monkeypatch.delenv("LIBPATH_ORIG", raising=False)
    done = run(LIBRARIES, tmp_path, capture_output=True)
    assert json.loads(done.stdout) == {"LD_LIBRARY_PATH": "/usr/lib/theirs", "LIBPATH": None}


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "torch.distributed.run", "--nproc_per_node", "2", "train.py"],
        ["-m", "pip", "install", "onnx"],
        ["-c", "print(1)"],
    ],
)
def test_what_is_meant_for_python_is_refused_in_one_line(words, capsys) -> None:
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith(f"secateur: “{words[0]} {words[1]}”")


def test_a_packaged_program_knows_where_its_licences_are(
    packaged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", "/opt/secateur/_internal", raising=False)
    assert program.licences() == Path("/opt/secateur/_internal/LICENCES.txt")
    monkeypatch.delattr(sys, "frozen")
    assert program.licences() is None


def test_the_version(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"secateur {SECATEUR}\n"


def test_packaged_training_loads_images_itself(
    packaged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.checkpoint import load
    from core.tune import run as training
    from core.tune.settings import Settings

    student = load("yolov8n.yaml")

    def workers(**options) -> int:
        settings = Settings(model="yolov8n.yaml", data="data.yaml", options=options)
        size = student.facts.image_size
        return training._options(settings, student, "cpu", tmp_path, size).get("workers", 8)

    assert workers() == 0
    assert workers(workers=2) == 2
    monkeypatch.delattr(sys, "frozen")
    assert workers() > 0
