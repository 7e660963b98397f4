"""The installer's description for Windows, as far as it can be read here."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "resources" / "desktop" / "secateur.iss"


def sections() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in SCRIPT.read_text("utf-8").splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            current = found.setdefault(match[1], [])
        elif line and not line.startswith((";", "#")):
            current.append(line)
    return found


def test_the_files_it_names_are_there() -> None:
    folder = SCRIPT.parent
    setup = dict(line.split("=", 1) for line in sections()["Setup"])
    assert (folder / setup["LicenseFile"].replace("\\", "/")).is_file()
    (files,) = sections()["Files"]
    (source,) = re.findall(r'Source: "([^"]*)"', files)
    assert (folder / source.replace("\\", "/")).parent.relative_to(folder / "../..") == Path(
        "dist/secateur"
    )


def test_it_registers_the_program_s_kinds_of_file() -> None:
    from app.files.documents import PROJECT

    keys = [re.findall(r'Subkey: "([^"]*)"', line)[0] for line in sections()["Registry"]]
    assert f"Software\\Classes\\{PROJECT}" in keys
    assert "Software\\Classes\\.pt\\OpenWithProgids" in keys
    assert "Software\\Classes\\.pt" not in keys  # checkpoints may belong to another program
    classes = {key.split("\\")[2] for key in keys if "Secateur." in key}
    for name in classes:
        assert f"Software\\Classes\\{name}\\shell\\open\\command" in keys


def test_nothing_stays_after_uninstalling() -> None:
    lines = sections()["Registry"]
    top = [line for line in lines if line.count("\\") <= 3 and "\\shell" not in line]
    assert top
    for line in top:
        if "DefaultIcon" not in line:
            assert "uninsdelete" in line, line
