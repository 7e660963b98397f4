"""Secateur's version, those of libraries that it was tested with, and what is installed.

No torch. This is the one place that knows Secateur's version: pyproject.toml reads it here, so that
a source tree that was never installed knows it as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import metadata, util

SECATEUR = "0.2.0"
TESTED: Mapping[str, tuple[str, str]] = {
    "torch": ("2.8", "2.16"),
    "torchvision": ("0.23", "0.30"),
    "ultralytics": ("8.4.150", "8.5"),
}
"""From the first version on, up to the second, which is not among them; as pyproject.toml asks."""


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version such as ``2.15.0+cu132``, for comparing."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def outside(installed: Mapping[str, str] | None = None) -> str:
    """Return a sentence about libraries outside the tested range; empty where there is none.

    Parameters
    ----------
    installed : mapping of str to str, optional
        Versions by library; those of this environment by default. What is missing is left out.
    """
    known = _installed() if installed is None else installed
    strange = [
        f"{name} {known[name]} (tested: {first} up to, but not, {end})"
        for name, (first, end) in TESTED.items()
        if name in known and not numbers(first) <= numbers(known[name]) < numbers(end)
    ]
    if not strange:
        return ""
    return (
        f"Not tested with {' and '.join(strange)}: results may be wrong or fail. "
        "Install the tested versions: pip install --upgrade secateur."
    )


def version_of(name: str) -> str | None:
    """Return the version of a distribution, Secateur's own included; None where it is missing."""
    if name == "secateur":
        return SECATEUR
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def versions_of(*names: str) -> dict[str, str]:
    """Return the versions of those distributions that are there, by name."""
    found = {name: version_of(name) for name in names}
    return {name: version for name, version in found.items() if version is not None}


def has_module(name: str) -> bool:
    """Return whether a Python module is there; it is not imported, only its packages are."""
    try:
        return util.find_spec(name) is not None
    except (ImportError, ValueError):  # its package is missing, or blocked
        return False


def _installed() -> dict[str, str]:
    return versions_of(*TESTED)
