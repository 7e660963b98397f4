"""The licences of everything in the packaged program, in one text file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from core.system.files import write_text
from core.system.versions import SECATEUR

_NAMES = ("LICEN", "COPYING", "NOTICE", "AUTHORS", "COPYRIGHT", "THIRD")
_RULE = "=" * 78
_TEXTS = Path(__file__).parent / "texts"
GIVEN_HERE = {
    "pyside6-essentials": ("LGPL-3.txt", "GPL-3.txt"),
    "shiboken6": ("LGPL-3.txt", "GPL-3.txt"),
    "flatbuffers": ("Apache-2.0.txt",),
}
"""Texts for distributions whose wheels bring none."""
WITHOUT_TEXT = {
    "cuda-toolkit": "has no files of its own: it names the NVIDIA libraries above",
    "nvidia-cusparselt-cu13": "under the text of nvidia-cublas",
    "nvidia-ml-py": "its text is at the head of its one module, pynvml.py",
}
"""Distributions that need no text of their own, each with the reason."""
_HEAD = """Secateur {version}: licences of its parts

Secateur itself is free software under the GNU Affero General Public License, version 3 or later;
its text is below. The packaged program also holds the distributions listed here, each under its
own licence. Qt and PySide6 are used under the GNU Lesser General Public License, version 3: their
libraries lie as separate files in the program's folder and may be replaced by other builds of the
same version. Source code: of Secateur from where you got this program, of every other part from
the address given with it.
"""


def licence_of(name: str) -> str:
    """Return the licence a distribution states, in its own words."""
    facts = metadata.metadata(name)
    stated = facts.get("License-Expression") or ""
    if not stated:
        marks = [
            text.rpartition(" :: ")[2]
            for text in facts.get_all("Classifier") or []
            if text.startswith("License ::") and not text.endswith("OSI Approved")
        ]
        stated = "; ".join(marks)
    if not stated:
        first = (facts.get("License") or "").strip().splitlines()
        stated = first[0] if first else ""
    return stated


def texts_of(name: str) -> dict[str, str]:
    """Return the licence files of a distribution, by their names."""
    found = {}
    for file in metadata.files(name) or []:
        inside = any(part.endswith(".dist-info") for part in file.parts)
        named = file.name.upper().startswith(_NAMES) and file.suffix.lower() not in (".py", ".pyc")
        if named and (inside or len(file.parts) <= 2 or "licenses" in file.parts):
            path = Path(str(file.locate()))
            if path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                if text not in found.values():
                    found["/".join(file.parts[-2:])] = text
    return found


def address_of(name: str) -> str:
    """Return where a distribution's source is."""
    if name == "secateur":
        return "from where you got this program"
    facts = metadata.metadata(name)
    urls = dict(
        text.partition(", ")[::2] for text in facts.get_all("Project-URL") or [] if ", " in text
    )
    wanted = ("source", "source code", "repository", "github", "homepage")
    known = {key.lower(): value for key, value in urls.items()}
    own = next((known[key] for key in wanted if key in known), "")
    return own or facts.get("Home-page") or f"https://pypi.org/project/{name}/"


def system_packages(sources: Iterable[Path]) -> dict[str, str]:
    """Return the copyright notices of the system's packages that libraries came from.

    Parameters
    ----------
    sources : iterable of Path
        The files that were collected; those of wheels belong to no package.

    Returns
    -------
    dict of str to str
        By package; empty where the system has no dpkg.
    """
    tool = shutil.which("dpkg-query")
    paths = {form for path in sources for form in _forms(path)}
    if tool is None or not paths:
        return {}
    done = subprocess.run([tool, "-S", *sorted(paths)], capture_output=True, text=True, check=False)
    names = {line.split(":")[0] for line in done.stdout.splitlines() if ": " in line}
    found = {}
    for name in sorted(names):
        notice = Path("/usr/share/doc") / name / "copyright"
        if notice.is_file():
            found[name] = notice.read_text(encoding="utf-8", errors="replace")
    return found


def _forms(path: Path) -> set[str]:
    """Return the names a package may know a file by: with and without links, and without /usr."""
    forms = {str(path), str(path.resolve())}
    return forms | {form.removeprefix("/usr") for form in forms if form.startswith("/usr/")}


def python_licence() -> str:
    """Return the licence of the Python in the program."""
    places = (
        Path(sysconfig.get_paths()["stdlib"]) / "LICENSE.txt",
        Path(sys.base_prefix) / "LICENSE.txt",
        Path(sys.base_prefix) / "LICENSE",
    )
    for place in places:
        if place.is_file():
            return place.read_text(encoding="utf-8", errors="replace")
    raise FileNotFoundError(f"Python's licence is in none of {', '.join(map(str, places))}")


def text(names: Iterable[str], sources: Iterable[Path] = ()) -> str:
    """Return the whole file's text.

    Parameters
    ----------
    names : iterable of str
        Distributions.
    sources : iterable of Path
        Collected libraries, of which some are the system's.
    """
    names = list(names)
    bodies = {name: _bodies(name) for name in names}
    bodies["pyinstaller"] = texts_of("pyinstaller")
    bodies["Python"] = {"LICENSE": python_licence()}
    system = system_packages(sources)
    lines = [_HEAD.format(version=SECATEUR), ""]
    for name in names:
        facts = metadata.metadata(name)
        lines.append(f"{facts['Name']} {facts['Version']}: {licence_of(name) or 'see below'}")
        lines.append(f"    {address_of(name)}")
        if name in WITHOUT_TEXT:
            lines.append(f"    ({WITHOUT_TEXT[name]})")
    lines.append("PyInstaller's bootloader: GPL-2.0-or-later WITH Bootloader-exception")
    lines.append("    https://github.com/pyinstaller/pyinstaller")
    lines += [f"Python {sys.version.split()[0]}: PSF-2.0", "    https://www.python.org/"]
    lines += [f"{name}, a library of the system it was built on: see below" for name in system]
    lines.append("")
    for name, files in bodies.items():
        for file, content in files.items():
            lines += [_RULE, f"{name}: {file}", _RULE, content.strip(), ""]
    for name, content in system.items():
        lines += [_RULE, f"{name} (system library)", _RULE, content.strip(), ""]
    return "\n".join(lines)


def _bodies(name: str) -> dict[str, str]:
    given = {file: (_TEXTS / file).read_text("utf-8") for file in GIVEN_HERE.get(name, ())}
    return {**texts_of(name), **given}


def write(path: Path, names: Iterable[str], sources: Iterable[Path] = ()) -> None:
    """Write the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text(names, sources))
