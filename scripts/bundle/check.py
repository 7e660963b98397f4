"""Runs the packaged program where nothing of its making is left: ``make bundle-test``.

The folder is moved elsewhere and made read-only; the environment is emptied, and the home folder
too. Then it must do everything: ``python -m scripts.bundle.check FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.bundle.sizes import describe, sizes

SECONDS = 1800
WINDOW_S = 60.0


ROOT = Path(__file__).resolve().parents[2]
_HIDING = (
    'nothing=$1; shift; until [ "$1" = -- ]; do mount --bind "$nothing" "$1"; shift; done; '
    'shift; exec "$@"'
)


class Elsewhere:
    """The program in a place of its own, with nothing around it.

    Parameters
    ----------
    folder : Path
        As built. It is moved away while the test runs, and back afterwards.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        free = Path(tempfile.gettempdir())
        near = free if free.stat().st_dev == folder.stat().st_dev else folder.parent
        self.room = Path(tempfile.mkdtemp(prefix="secateur elsewhere ", dir=near))
        self.home = Path(tempfile.mkdtemp(prefix="secateur-home-"))
        self.moved = self.room / "the program"
        self.work = self.room / "work"
        self.nothing = self.room / "nothing"
        self.nothing.mkdir()
        self.prefix = [*self._hiding(), *self._as_anyone()]

    def _hiding(self) -> list[str]:
        """Return what hides the source tree and every Python, where this system allows it."""
        places = outermost([ROOT, Path(sys.prefix), Path(sys.base_prefix)])
        if any(self.room.is_relative_to(place) for place in places) or Path("/usr") in places:
            return []
        script = ["sh", "-e", "-c", _HIDING, "sh", str(self.nothing), *map(str, places), "--"]
        return where_allowed("unshare", "-m", *script)

    @staticmethod
    def _as_anyone() -> list[str]:
        """Return what takes from root the right to write where it is not allowed."""
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        return where_allowed("setpriv", "--bounding-set=-all", "--inh-caps=-all") if root else []

    def __enter__(self) -> Elsewhere:
        self.folder.rename(self.moved)
        try:
            self.work.mkdir()
            write_protect(self.moved)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        write_protect(self.moved, protect=False)
        self.moved.rename(self.folder)
        shutil.rmtree(self.room, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def program(self) -> Path:
        """The program's file."""
        return self.moved / ("secateur.exe" if sys.platform == "win32" else "secateur")

    def environment(self) -> dict[str, str]:
        """Return next to nothing: no Python's, no venv's, no language, an empty home."""
        kept = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "TMPDIR": tempfile.gettempdir()}
        for name in ("SYSTEMROOT", "OMP_NUM_THREADS"):
            if name in os.environ:
                kept[name] = os.environ[name]
        return kept

    def command(self, *words: str) -> list[str]:
        """Return a command of the program."""
        return [*self.prefix, str(self.program), *words]

    def run(self, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Run a command of the program."""
        settings = {"capture_output": True, "text": True, "encoding": "utf-8", **options}
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            self.command(*words),
            env=self.environment(),
            cwd=self.work,
            timeout=SECONDS,
            check=False,
            **settings,
        )


def outermost(places: list[Path]) -> list[Path]:
    """Return the places without those that are in another, which hides them too."""
    different = set(places)
    return sorted(place for place in different if different.isdisjoint(place.parents))


def where_allowed(tool: str, *words: str) -> list[str]:
    """Return a prefix for commands, empty if it is missing or, as in containers, forbidden.

    Parameters
    ----------
    tool : str
        A program's name.
    *words : str
        What it takes before the command.
    """
    found = shutil.which(tool)
    if found is None or subprocess.run([found, *words, "true"], capture_output=True).returncode:
        return []
    return [found, *words]


def write_protect(folder: Path, protect: bool = True) -> None:
    """Take, or give back, the right to write to a folder and all in it."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode & ~0o222 if protect else mode | 0o200)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of every file, to see that none was touched."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def expect(right: bool, what: str) -> None:
    """Print what was looked at; end the check where it is not so."""
    print(f"{'ok' if right else 'FAILED':<7}{what}", flush=True)
    if not right:
        raise SystemExit(1)


def check_version(place: Elsewhere, version: str) -> None:
    """The program says its version, from another folder, through a link."""
    link = place.work / "linked"
    link.symlink_to(place.program)
    done = subprocess.run(
        [str(link), "--version"], env=place.environment(), capture_output=True, text=True,
        check=False, timeout=SECONDS,
    )  # fmt: skip
    expect(done.stdout == f"secateur {version}\n", f"--version through a link: {done.stdout!r}")


def check_command_line(place: Elsewhere) -> None:
    """A command prints one JSON object; a mistake is one line and status 1."""
    done = place.run("inspect", "yolov8n.yaml", "--json")
    expect(done.returncode == 0, f"inspect --json ends with 0 {done.stderr[-300:]}")
    expect(json.loads(done.stdout)["totals"]["blocks"] == 23, "… and counts 23 blocks")
    done = place.run("inspect", "missing.pt")
    lines = done.stderr.splitlines()
    expect((done.returncode, len(lines)) == (1, 1), f"a missing file is one line: {lines}")


def check_without_streams(place: Elsewhere) -> None:
    """Started with its streams closed, as a desktop may, it works and writes a log instead."""
    words = shlex.join(place.command("inspect", "yolov8n.yaml"))
    done = subprocess.run(
        ["sh", "-c", f"{words} <&- >&- 2>&-"], env=place.environment(), cwd=place.work,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    logs = list(place.home.rglob("output.log"))
    expect(done.returncode == 0, "it works without standard streams")
    expect(bool(logs) and "C2f" in logs[0].read_text("utf-8"), "… and its output is in the log")


def check_window(place: Elsewhere) -> None:
    """Started with a path it opens it: seen by the recent file it remembers."""
    source = place.moved / "_internal" / "ultralytics" / "cfg" / "models" / "v8" / "yolov8.yaml"
    model = place.work / "yolov8s.yaml"
    shutil.copy(source, model)
    environment = {**place.environment(), "QT_QPA_PLATFORM": "offscreen"}
    process = subprocess.Popen(
        place.command(str(model)), env=environment, cwd=place.work,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + WINDOW_S
        tables: list[Path] = []
        while not tables and time.monotonic() < until and process.poll() is None:
            time.sleep(0.1)
            tables = [path for path in place.home.rglob("*.npz") if path.stat().st_size]
        expect(process.poll() is None, "the window stays open")
        expect(bool(tables), "started with a path, it opens it")
    finally:
        process.terminate()
        process.wait(30)


def check_desktop(place: Elsewhere) -> None:
    """The install script makes it known to the desktop, and uninstalling leaves nothing."""
    if sys.platform != "linux":
        return
    before = {path for path in place.home.rglob("*") if path.is_file() or path.is_symlink()}
    done = subprocess.run(
        ["sh", str(place.moved / "install.sh")], env=place.environment(), check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    expect(done.returncode == 0, f"install.sh: {(done.stdout + done.stderr).strip()}")
    share = place.home / ".local" / "share"
    entry = (share / "applications" / "secateur.desktop").read_text("utf-8")
    (line,) = re.findall(r"^Exec=(.*)$", entry, re.MULTILINE)
    expect(line == f'"{place.program}" %F', f"the menu starts {line}")
    linked = subprocess.run(
        [str(place.home / ".local" / "bin" / "secateur"), "--version"], env=place.environment(),
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    expect(linked.returncode == 0, "the linked command runs")
    subprocess.run(
        ["sh", str(place.moved / "uninstall.sh")], env=place.environment(), check=True,
        capture_output=True,
    )  # fmt: skip
    after = {path for path in place.home.rglob("*") if path.is_file() or path.is_symlink()}
    own = {path for path in after - before if "secateur" in path.name}
    expect(not own, f"uninstall.sh leaves nothing {sorted(map(str, own))}")


def main() -> int:
    """Run all checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the program's folder, as built")
    parser.add_argument("--version", required=True)
    parser.add_argument("--full", action="store_true", help="the demo with its normal settings")
    options = parser.parse_args()
    folder = options.folder.resolve()
    print(describe(sizes(folder)), flush=True)
    with Elsewhere(folder) as place:
        what = " ".join(word for word in ("unshare", "setpriv") if f"/{word}" in str(place.prefix))
        print(f"moved to {place.moved}; kept from what is around it by: {what or 'nothing'}")
        before = listing(place.moved)
        check_version(place, options.version)
        check_command_line(place)
        check_without_streams(place)
        check_window(place)
        check_desktop(place)
        words = ["--self-test", *(["--full"] if options.full else [])]
        done = place.run(*words, capture_output=False)
        expect(done.returncode == 0, "the self-test")
        expect(listing(place.moved) == before, "nothing was written next to the program")
    return 0


if __name__ == "__main__":
    sys.exit(main())
