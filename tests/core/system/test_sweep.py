"""What a kill leaves is removed by the next use; nothing that lives, and no file of the user's."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.system.files import remove_old_parts, remove_parts, write_text
from core.system.scratch import Scratch, own_folder, put_folder, sweep, sweep_beneath

WRITER = """
import sys, time
from pathlib import Path
from core.system.files import write_atomically

def pour(stream):
    stream.write(b"half")
    stream.flush()
    print("ready", flush=True)
    time.sleep(60)

write_atomically(Path(sys.argv[1]), pour)
"""
TEMPORARY = """
import sys, time
from pathlib import Path
from core.system.scratch import Scratch

place = Scratch(sys.argv[2], Path(sys.argv[1]) if len(sys.argv) > 3 else None)
(place.path / "frames").mkdir()
(place.path / "frames" / "1.png").write_bytes(b"image")
print("ready", flush=True)
time.sleep(60)
"""
REPLACING = """
import shutil, sys, time
from pathlib import Path
from core.system import scratch

real, step = Path.rename, [0]

def rename(self, target):
    step[0] += 1
    if step[0] == int(sys.argv[3]):
        print("ready", flush=True)
        time.sleep(60)
    return real(self, target)

Path.rename = rename
scratch.put_folder(Path(sys.argv[1]), Path(sys.argv[2]))
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(code: str, *words: object, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *map(str, words)]
        environment = {**os.environ, **more}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in started:
        kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    process.stdout.close()


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


# ---- files half written ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["job.json", "a[1].pt", "x" * 240, "größe ä.secateur", ".hidden"])
def test_a_part_goes_with_the_next_file_and_not_while_it_is_written(name, start, tmp_path):
    path = tmp_path / name
    path.write_text("old")
    killed, living = start(WRITER, path), start(WRITER, path)
    assert len(names(tmp_path)) == 3
    kill(killed)
    write_text(tmp_path / "another", "x")
    assert len(names(tmp_path)) == 3 and path.read_text() == "old"  # the living one's is left
    os.utime(next(tmp_path.glob("*.part")), (1, 1))  # whatever a clock says
    remove_parts(tmp_path)
    assert len(names(tmp_path)) == 3
    kill(living)
    write_text(path, "new")
    assert names(tmp_path) == {name, "another"} and path.read_text() == "new"


def test_parts_of_version_1_go_by_age_and_name(tmp_path):
    path = tmp_path / "a[1].pt"
    left, fresh = tmp_path / ".a[1].pt.abcdefgh.part", tmp_path / ".a[1].pt.abcdefg_.part"
    others = [tmp_path / n for n in (".b.pt.abcdefgh.part", ".a[1].pt.part", ".a[1].pt.xy.part")]
    for part in (left, fresh, *others):
        part.write_bytes(b"half")
        if part is not fresh:
            os.utime(part, (time.time() - 2 * 86400,) * 2)
    write_text(path, "new")
    assert set(tmp_path.iterdir()) == {path, fresh, *others}
    remove_old_parts(path)
    assert set(tmp_path.iterdir()) == {path, *others}


OWN = st.text("abz.-_ ", min_size=1, max_size=12).filter(lambda name: name.strip(". "))


@settings(max_examples=60, deadline=None)
@given(
    names=st.sets(
        st.one_of(
            OWN,
            OWN.map(lambda n: f".{n}.part"),
            OWN.map(lambda n: f".{n}.abcdefgh.part"),
            OWN.map(lambda n: f"{n}.secateur-abcdefgh.part".lstrip(".")),
            OWN.map(lambda n: f".{n}.secateur-abc.part"),
            OWN.map(lambda n: f"secateur-{n}"),
            OWN.map(lambda n: f".{n}.secateur-abcdefgh.part.bak"),
        ),
        max_size=6,
    )
)
def test_what_the_user_has_there_is_not_touched(names: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for number, name in enumerate(sorted(names)):
            path = place / name
            if number % 2:
                path.mkdir()
                (path / "mine").write_text("mine")
            else:
                path.write_text("mine")
        before = sorted(place.rglob("*"))
        sweep_beneath(place)
        write_text(place / ".new", "x")
        Scratch("test", place).cleanup()
        assert sorted(place.rglob("*")) == sorted([*before, place / ".new"])


def test_links_and_folders_under_our_names_are_not_followed(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "kept").write_text("kept")
    (mine / "lock").symlink_to(mine / "kept")
    place = tmp_path / "place"
    place.mkdir()
    (place / ".a.secateur-abcdefgh.part").symlink_to(mine / "kept")
    (place / ".b.secateur-abcdefgh.part").mkdir()
    (place / "secateur-try-abcdefgh").symlink_to(mine)
    os.mkfifo(place / ".c.secateur-abcdefgh.part")
    (place / "secateur-try-abcdefg1").mkdir()
    (place / "secateur-try-abcdefg1" / "lock").symlink_to(mine / "kept")
    (place / "secateur-try-abcdefg2").mkdir()
    (place / "secateur-try-abcdefg2" / "no lock").write_text("of another program")
    before = names(place)
    sweep_beneath(place)
    assert names(place) == before and names(mine) == {"kept", "lock"}


# ---- temporary folders -----------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(), ("hidden",)])
@pytest.mark.parametrize("kind", ["export", "self-test", "evaluate"])
def test_a_temporary_folder_goes_with_the_next_and_not_while_it_is_used(
    kind, hidden, start, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    words = (TEMPORARY, tmp_path, kind, *hidden)
    killed, living = (start(*words, TMPDIR=str(tmp_path)) for _ in range(2))
    assert len(names(tmp_path)) == 2
    kill(killed)
    (tmp_path / "secateur-try-abcdefgh").mkdir()  # cut off before it had its lock
    with Scratch("other") as folder:
        assert Path(folder).is_dir() and len(names(tmp_path)) == 2
        assert Path(folder).stat().st_mode & 0o077 == 0
        sweep(tmp_path)
        assert Path(folder).is_dir()
    assert len(names(tmp_path)) == 1
    kill(living)
    own_folder()
    assert all("own" in name for name in names(tmp_path)) and len(names(tmp_path)) == 1


def test_what_is_kept_is_the_users(tmp_path):
    scratch = Scratch("self-test", tmp_path)
    (scratch.path / "log").write_text("why")
    scratch.keep()
    sweep(tmp_path)
    assert (scratch.path / "log").read_text() == "why"


def test_a_fork_does_not_remove_its_parents(tmp_path):
    scratch = Scratch("try", tmp_path)
    child = os.fork()
    if not child:
        scratch.cleanup()
        os._exit(0)
    os.waitpid(child, 0)
    assert scratch.path.is_dir()
    sweep(tmp_path)
    assert scratch.path.is_dir()


# ---- a folder in the place of another ----------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("step", [1, 2])
def test_a_folder_is_whole_or_as_it_was_after_a_kill(step, there, start, tmp_path):
    made, target = tmp_path / "made", tmp_path / "x_openvino_model"
    made.mkdir()
    (made / "a.bin").write_text("new")
    if there:
        target.mkdir()
        (target / "a.bin").write_text("old")
    elif step == 2:
        pytest.skip("nothing is moved away")
    kill(start(REPLACING, made, target, step))
    sweep(tmp_path)
    assert names(tmp_path) == {"made", *([target.name] if there else [])}
    assert not there or (target / "a.bin").read_text() == "old"
    put_folder(made, target)
    assert names(tmp_path) == {"made", target.name} and (target / "a.bin").read_text() == "new"
