"""CITATION.cff holds what its format requires, and says what the package says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from core.system.versions import SECATEUR

ROOT = Path(__file__).resolve().parents[2]
FIELDS = {
    "cff-version", "message", "type", "title", "abstract", "authors", "version", "license",
    "keywords",
}  # fmt: skip
"""Those of version 1.2.0 that are used here; the format allows no others than it knows."""


@pytest.fixture(scope="module")
def citation() -> dict:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_it_is_valid(citation: dict) -> None:
    assert set(citation) == FIELDS
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    texts = {name: citation[name] for name in FIELDS - {"authors", "keywords"}}
    assert all(isinstance(text, str) and text for text in texts.values()), texts
    assert all(set(author) == {"name"} for author in citation["authors"])
    assert len(set(citation["keywords"])) == len(citation["keywords"]) > 0


def test_it_says_what_the_package_says(citation: dict, project: dict) -> None:
    assert citation["version"] == SECATEUR
    assert citation["license"] == project["license"]
    assert citation["authors"] == project["authors"]
    assert {word.lower() for word in citation["keywords"]} <= set(project["keywords"])
