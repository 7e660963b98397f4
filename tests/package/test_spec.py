"""The build description, run on every platform's behalf with PyInstaller's parts played."""

from __future__ import annotations

import plistlib
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.bundle import contents, entries, platforms, windows
from scripts.bundle import icons as drawing

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "build.spec"


class Played:
    """Stands for PyInstaller's Analysis, PYZ, EXE, COLLECT and BUNDLE; remembers the arguments."""

    def __init__(self, kind: str, calls: dict[str, list[Any]], folder: Path) -> None:
        self.kind, self.calls, self.folder = kind, calls, folder

    def __call__(self, *args: Any, **options: Any) -> Any:
        made = type(self.kind, (), {})()
        made.args, made.options = args, options
        made.binaries = [("torch/lib/libc10.so", "/nowhere/libc10.so", "BINARY")]
        made.datas = [("resources/icons/x.svg", "/nowhere/x.svg", "DATA")]
        made.pure = made.scripts = []
        made.name = str(self.folder)
        self.calls.setdefault(self.kind, []).append(made)
        return made


@pytest.fixture
def described(tmp_path, monkeypatch, icons):
    """Run the description as on a platform; return what it asks of PyInstaller."""

    def act(platform: str) -> dict[str, list[Any]]:
        calls: dict[str, list[Any]] = {}
        folder = tmp_path / platform / "dist"
        folder.mkdir(parents=True)
        kinds = ("Analysis", "PYZ", "EXE", "COLLECT", "BUNDLE")
        played = {kind: Played(kind, calls, folder) for kind in kinds}
        names = {"SPECPATH": str(ROOT), "workpath": str(tmp_path / platform / "work")}
        with monkeypatch.context() as patch:
            patch.setattr(drawing, "make", lambda _folder: icons)
            patch.setattr(contents, "headless_opencv", lambda _folder: [])
            patch.setattr(entries, "needed", lambda given, _packages: list(given))
            patch.setattr(contents, "hidden_imports", lambda: ["core.cli"])
            patch.setattr(entries, "stripped", lambda given, _folder: list(given))
            patch.setattr(sys, "platform", platform)
            patch.setattr(sys, "path", list(sys.path))
            exec(compile(SPEC.read_text("utf-8"), str(SPEC), "exec"), {**names, **played})
        return calls

    return act


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_one_folder_without_console_and_unpacked(described, platform: str) -> None:
    calls = described(platform)
    (analysis,) = calls["Analysis"]
    assert [Path(path).name for path in analysis.args[0]] == ["__main__.py"]
    assert "triton" in analysis.options["excludes"]
    program = calls["EXE"][0].options
    assert program["name"] == "secateur"
    assert program["console"] is False
    assert program["exclude_binaries"] is True
    assert program["upx"] is False
    (folder,) = calls["COLLECT"]
    assert folder.options["upx"] is False
    assert (Path(folder.name) / "LICENCES.txt").stat().st_size > 100_000
    inside = {place for place, _, _ in folder.args[-1]}
    assert "LICENCES.txt" in inside  # for macOS, where nothing is next to


def test_on_linux_the_desktop_s_files_lie_beside_it(described, icons) -> None:
    calls = described("linux")
    folder = Path(calls["COLLECT"][0].name)
    assert "BUNDLE" not in calls
    assert len(calls["EXE"]) == 1
    for name in ("install.sh", "uninstall.sh"):
        assert (folder / name).stat().st_mode & 0o111
    found = {path.name for path in (folder / "share").iterdir()}
    assert {"secateur.desktop", "secateur-mime.xml", "secateur.svg", "refresh.sh"} <= found
    assert {f"secateur-{side}.png" for side in icons.pictures} <= found


def test_on_windows_there_is_a_twin_with_a_console(described, icons) -> None:
    calls = described("win32")
    window, console = (call.options for call in calls["EXE"])
    assert (console["name"], console["console"]) == ("secateur-cli", True)
    assert window["icon"] == [str(icons.ico)]
    assert Path(window["version"]).read_text("utf-8").startswith("VSVersionInfo(")


def test_on_macos_there_is_a_bundle(described, icons) -> None:
    (bundle,) = described("darwin")["BUNDLE"]
    assert bundle.options["bundle_identifier"] == platforms.IDENTIFIER
    assert bundle.options["icon"] == str(icons.icns)
    plist = plistlib.loads(plistlib.dumps(bundle.options["info_plist"]))
    kinds = {kind["CFBundleTypeExtensions"][0] for kind in plist["CFBundleDocumentTypes"]}
    assert kinds == {"pt", "secateur"}


def test_the_entitlements_are_a_property_list() -> None:
    path = ROOT / "resources" / "desktop" / "secateur.entitlements"
    allowed = plistlib.loads(path.read_bytes())
    assert allowed
    assert all(name.startswith("com.apple.security.cs.") for name in allowed)
    assert all(value is True for value in allowed.values())
    assert path.name in SPEC.read_text("utf-8")


def test_the_version_resource_names_the_version() -> None:
    class Node:
        def __init__(self, *args: Any, **options: Any) -> None:
            self.args, self.options = args, options

    names = (
        "VSVersionInfo", "FixedFileInfo", "StringFileInfo", "StringTable", "StringStruct",
        "VarFileInfo", "VarStruct",
    )  # fmt: skip
    made = eval(windows.version_text("1.2.3"), dict.fromkeys(names, Node))
    assert made.options["ffi"].options["filevers"] == (1, 2, 3, 0)
    strings, _ = made.options["kids"]
    (table,) = strings.args[0]
    values = dict(node.args for node in table.args[1])
    assert values["ProductVersion"] == values["FileVersion"] == "1.2.3"
    assert values["ProductName"] == "Secateur"
