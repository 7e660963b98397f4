"""What the desktop is reported under Linux, and the scripts that tell it."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from core.system.versions import SECATEUR
from scripts.bundle import appimage, contents, platforms, tarball

ROOT = Path(__file__).resolve().parents[2]
DESKTOP = ROOT / "resources" / "desktop"
NAMESPACE = "{http://www.freedesktop.org/standards/shared-mime-info}"
CATEGORIES = {"Science", "ArtificialIntelligence"}
"""Of those that the menu specification registers."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="for Linux desktops")


def entry(text: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read_string(text)
    assert parser.sections() == ["Desktop Entry"]
    return parser["Desktop Entry"]


def kinds() -> dict[str, list[str]]:
    root = ElementTree.parse(DESKTOP / "secateur-mime.xml").getroot()
    return {
        kind.attrib["type"]: [glob.attrib["pattern"] for glob in kind.iter(f"{NAMESPACE}glob")]
        for kind in root.iter(f"{NAMESPACE}mime-type")
    }


def test_the_entry_says_what_the_specification_asks() -> None:
    facts = entry((DESKTOP / "secateur.desktop").read_text("utf-8"))
    assert facts["Type"] == "Application"
    assert facts["Name"] == "Secateur"
    assert facts["Exec"] == "secateur %F"
    assert facts["Icon"] == "secateur"
    assert facts["Terminal"] == "false"
    for name in ("Categories", "MimeType", "Keywords"):
        assert facts[name].endswith(";")
    assert set(facts["Categories"].strip(";").split(";")) <= CATEGORIES
    if tool := shutil.which("desktop-file-validate"):
        subprocess.run([tool, str(DESKTOP / "secateur.desktop")], check=True)


def test_it_opens_the_kinds_of_file_that_it_declares() -> None:
    from app.files.documents import PROJECT

    facts = entry((DESKTOP / "secateur.desktop").read_text("utf-8"))
    declared = kinds()
    assert set(facts["MimeType"].strip(";").split(";")) == set(declared)
    patterns = [pattern for found in declared.values() for pattern in found]
    assert sorted(patterns) == ["*.pt", f"*{PROJECT}"]


def test_the_window_belongs_to_the_entry() -> None:
    """A desktop puts the entry's icon on windows whose name it knows."""
    from app.startup.application import DESKTOP_NAME

    facts = entry((DESKTOP / "secateur.desktop").read_text("utf-8"))
    assert DESKTOP_NAME == "secateur" == facts["StartupWMClass"]


@pytest.fixture
def program(tmp_path: Path, icons) -> Path:
    """A folder as it is unpacked, its program one that reports what it was called with."""
    folder = tmp_path / "a folder $of \"mine\" & 100% 'odd'"
    folder.mkdir()
    platforms.add_platform_files(folder, icons, ROOT / "LICENSE")
    own = folder / "secateur"
    own.write_text('#!/bin/sh\necho "called with $*"\n')
    own.chmod(0o755)
    return folder


@pytest.fixture
def person(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {"HOME": str(home), "PATH": os.environ["PATH"]}


def script(folder: Path, name: str, person: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(folder / name)], env=person, capture_output=True, text=True, check=False
    )


def unquoted(line: str) -> str:
    """Undo the quoting of an entry's Exec, as its specification describes."""
    assert line.startswith('"')
    quoted = line[1 : line.rindex('"')]
    return (
        quoted.replace("%%", "%").replace('\\\\"', '"').replace("\\\\`", "`").replace("\\\\$", "$")
    )


def test_it_installs_and_leaves_nothing_behind(program: Path, person: dict[str, str]) -> None:
    home = Path(person["HOME"])
    share = home / ".local" / "share"
    done = script(program, "install.sh", person)
    assert done.returncode == 0, done.stderr
    assert ".local/bin to PATH" in done.stdout
    linked = home / ".local" / "bin" / "secateur"
    said = subprocess.run([str(linked), "x"], capture_output=True, text=True, check=True).stdout
    assert said == "called with x\n"
    facts = entry((share / "applications" / "secateur.desktop").read_text("utf-8"))
    assert unquoted(facts["Exec"]) == str(program / "secateur")
    assert facts["Exec"].endswith(" %F")
    assert "TryExec" not in facts
    assert (share / "icons" / "hicolor" / "48x48" / "apps" / "secateur.png").is_file()
    assert (share / "icons" / "hicolor" / "scalable" / "apps" / "secateur.svg").is_file()
    if shutil.which("update-mime-database"):
        globs = (share / "mime" / "globs2").read_text("utf-8")
        assert "application/x-secateur-project:*.secateur" in globs
    assert script(program, "install.sh", person).returncode == 0  # again: an update
    assert script(program, "uninstall.sh", person).returncode == 0
    left = [path for path in home.rglob("*") if "secateur" in path.name]
    assert not left
    if shutil.which("update-mime-database"):
        assert not (share / "mime" / "globs2").exists() or "secateur" not in (
            share / "mime" / "globs2"
        ).read_text("utf-8")


def test_another_program_of_that_name_is_not_replaced(
    program: Path, person: dict[str, str]
) -> None:
    own = Path(person["HOME"]) / ".local" / "bin" / "secateur"
    own.parent.mkdir(parents=True)
    own.write_text("someone's own")
    done = script(program, "install.sh", person)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert script(program, "uninstall.sh", person).returncode == 0
    assert own.read_text() == "someone's own"


def test_uninstalling_one_copy_leaves_the_other_s_command(
    program: Path, person: dict[str, str], tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(program, newer)
    assert script(program, "install.sh", person).returncode == 0
    assert script(newer, "install.sh", person).returncode == 0
    assert script(program, "uninstall.sh", person).returncode == 0
    linked = Path(person["HOME"]) / ".local" / "bin" / "secateur"
    assert linked.resolve() == (newer / "secateur").resolve()


def test_install_without_its_program_says_so(program: Path, person: dict[str, str]) -> None:
    (program / "secateur").unlink()
    done = script(program, "install.sh", person)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_the_tarball_unpacks_to_one_folder_that_installs(
    program: Path, person: dict[str, str], tmp_path: Path
) -> None:
    archive = tarball.pack(program, tmp_path)
    assert not list(tmp_path.glob("*.part"))
    subprocess.run(["tar", "xzf", str(archive)], cwd=tmp_path, check=True)
    unpacked = tmp_path / tarball.name(program)
    assert archive.name == f"{tarball.name(program)}.tar.gz"
    assert script(unpacked, "install.sh", person).returncode == 0
    assert os.access(unpacked / "secateur", os.X_OK)


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """What begins as a runtime does; it mounts nothing."""
    file = tmp_path / "runtime"
    file.write_bytes(b"\x7fELF\x02\x01\x01\x00AI\x02" + b"\0" * 4085)
    return file


@pytest.mark.skipif(not shutil.which("mksquashfs"), reason="needs squashfs-tools")
def test_an_app_image_holds_the_program_behind_its_runtime(
    program: Path, runtime: Path, tmp_path: Path
) -> None:
    (program / "linked").symlink_to("secateur")
    image = appimage.pack(program, tmp_path / "dist", runtime)
    assert [image] == list((tmp_path / "dist").iterdir())
    assert os.access(image, os.X_OK)
    assert image.read_bytes()[: runtime.stat().st_size] == runtime.read_bytes()
    root = tmp_path / "mounted"
    command = ["unsquashfs", "-q", "-n", "-o", str(runtime.stat().st_size), "-d", str(root)]
    subprocess.run([*command, str(image)], check=True, capture_output=True)
    assert entry((root / "secateur.desktop").read_text("utf-8"))["Icon"] == "secateur"
    assert (root / ".DirIcon").read_bytes()[:4] == b"\x89PNG"
    assert (root / "usr/lib/secateur/linked").is_symlink()
    said = subprocess.run([str(root / "AppRun"), "a b"], capture_output=True, text=True, check=True)
    assert said.stdout == "called with a b\n"


@pytest.mark.parametrize(
    "content", [None, b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01" + b"\0" * 90]
)
def test_what_is_no_runtime_is_refused(
    program: Path, runtime: Path, tmp_path: Path, content: bytes | None
) -> None:
    runtime.unlink() if content is None else runtime.write_bytes(content)
    with pytest.raises(SystemExit, match="APPIMAGE_RUNTIME=FILE"):
        appimage.pack(program, tmp_path / "dist", runtime)
    assert not (tmp_path / "dist").exists()


@pytest.mark.skipif(
    not all(map(shutil.which, ("xdg-open", "gio", "update-mime-database", "mkfifo"))),
    reason="needs xdg-utils, gio and shared-mime-info",
)
@pytest.mark.parametrize("suffix", ["pt", "secateur"])
def test_the_desktop_opens_a_file_with_it(
    program: Path, person: dict[str, str], tmp_path: Path, suffix: str
) -> None:
    program = program.rename(tmp_path / "my programs")  # gio finds none in a folder with a %
    opened = tmp_path / "opened"  # the program is started apart: reading waits for it
    os.mkfifo(opened)
    (program / "secateur").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{opened}\n')
    assert script(program, "install.sh", person).returncode == 0
    file = tmp_path / f"my network.{suffix}"
    file.write_bytes(b"PK\x03\x04" if suffix == "pt" else b'{"version": 3}')
    desktop = {"DISPLAY": ":0", "XDG_CURRENT_DESKTOP": "GNOME"}
    subprocess.run(["xdg-open", str(file)], env={**person, **desktop}, check=True, timeout=30)
    said = subprocess.run(["cat", str(opened)], capture_output=True, timeout=30, check=True)
    assert said.stdout.decode() == f"{file}\n"


def test_identifiers_and_versions_agree() -> None:
    plist = platforms.info_plist("1.2.3")
    assert plist["CFBundleVersion"] == plist["CFBundleShortVersionString"] == "1.2.3"
    assert contents.version() == SECATEUR
    kinds = {t for kind in plist["CFBundleDocumentTypes"] for t in kind["LSItemContentTypes"]}
    declared = [*plist["UTExportedTypeDeclarations"], *plist["UTImportedTypeDeclarations"]]
    assert kinds == {kind["UTTypeIdentifier"] for kind in declared}
