"""What a desktop reads about the packaged program: files next to it on Linux, a list on macOS."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

DESKTOP = Path(__file__).resolve().parents[2] / "resources" / "desktop"
IDENTIFIER = "org.secateur.Secateur"


def add_platform_files(folder: Path, icons: Any, notices: Path) -> None:
    """Put next to the program what people look for there.

    Parameters
    ----------
    folder : Path
        The program's.
    icons : scripts.bundle.icons.Icons
        On Linux, the install script takes them from there.
    notices : Path
        The licences of all parts.
    """
    shutil.copy(notices, folder / notices.name)
    if sys.platform != "linux":
        return
    share = folder / "share"
    shutil.rmtree(share, ignore_errors=True)
    share.mkdir(parents=True)
    for name in ("secateur.desktop", "secateur-mime.xml", "refresh.sh"):
        shutil.copy(DESKTOP / name, share / name)
    for name in ("install.sh", "uninstall.sh"):
        shutil.copy(DESKTOP / name, folder / name)
        (folder / name).chmod(0o755)
    for side, picture in icons.pictures.items():
        shutil.copy(picture, share / f"secateur-{side}.png")
    shutil.copy(icons.svg, share / "secateur.svg")


def info_plist(number: str) -> dict[str, Any]:
    """Return what macOS reads about the program: version, file types, high resolution."""

    def kind(name: str, suffix: str, role: str, identifier: str) -> dict[str, Any]:
        return {
            "CFBundleTypeName": name,
            "CFBundleTypeRole": role,
            "CFBundleTypeExtensions": [suffix],
            "LSItemContentTypes": [identifier],
            "LSHandlerRank": "Owner" if role == "Editor" else "Alternate",
        }

    return {
        "CFBundleName": "Secateur",
        "CFBundleDisplayName": "Secateur",
        "CFBundleShortVersionString": number,
        "CFBundleVersion": number,
        "NSHighResolutionCapable": True,
        "NSRequiresAquaSystemAppearance": False,
        "LSMinimumSystemVersion": "13.0",
        "CFBundleDocumentTypes": [
            kind("Secateur project", "secateur", "Editor", f"{IDENTIFIER}.project"),
            kind("YOLO checkpoint", "pt", "Viewer", f"{IDENTIFIER}.checkpoint"),
        ],
        "UTExportedTypeDeclarations": [
            _type(f"{IDENTIFIER}.project", "Secateur project", "secateur", "public.json")
        ],
        "UTImportedTypeDeclarations": [
            _type(f"{IDENTIFIER}.checkpoint", "PyTorch checkpoint", "pt", "public.zip-archive")
        ],
    }


def _type(identifier: str, name: str, suffix: str, kind: str) -> dict[str, Any]:
    return {
        "UTTypeIdentifier": identifier,
        "UTTypeDescription": name,
        "UTTypeConformsTo": [kind, "public.data"],
        "UTTypeTagSpecification": {"public.filename-extension": [suffix]},
    }
