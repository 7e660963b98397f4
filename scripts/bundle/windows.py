"""What Windows shows about the program in its properties."""

from __future__ import annotations

from pathlib import Path

from core.system.files import write_text

_TEMPLATE = """VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3f, flags=0x0, OS=0x40004,
                    fileType=0x1, subtype=0x0, date=(0, 0)),
  kids=[
    StringFileInfo([StringTable("040904B0", [
{strings}
    ])]),
    VarFileInfo([VarStruct("Translation", [1033, 1200])])
  ]
)
"""


def version_text(version: str) -> str:
    """Return a version resource in the form PyInstaller reads."""
    numbers = tuple(int(part) for part in version.split(".")[:3])
    strings = {
        "CompanyName": "The Secateur developers",
        "FileDescription": "Secateur: prunes YOLO networks",
        "FileVersion": version,
        "InternalName": "secateur",
        "LegalCopyright": "AGPL-3.0-or-later",
        "OriginalFilename": "secateur.exe",
        "ProductName": "Secateur",
        "ProductVersion": version,
    }
    lines = ",\n".join(f"      StringStruct({k!r}, {v!r})" for k, v in strings.items())
    padded = (*numbers, 0, 0, 0, 0)[:4]
    return _TEMPLATE.format(numbers=padded, strings=lines)


def version_file(folder: Path, version: str) -> str:
    """Write the version resource into a folder; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "version.txt"
    write_text(path, version_text(version))
    return str(path)
