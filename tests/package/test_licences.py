"""The licence notices of everything that is in the packaged program."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.bundle import contents, licences


@pytest.fixture(scope="module")
def names() -> list[str]:
    return contents.distributions()


def test_every_distribution_states_its_licence_and_brings_its_text(names) -> None:
    for name in names:
        given = {*licences.texts_of(name), *licences.GIVEN_HERE.get(name, ())}
        assert given or name in licences.WITHOUT_TEXT, f"{name}: no licence text is found"
        assert licences.licence_of(name) or name in licences.WITHOUT_TEXT, name


def test_no_exception_is_out_of_date(names) -> None:
    installed = set(names)
    for name in licences.WITHOUT_TEXT:
        assert name not in installed or not licences.texts_of(name), f"{name} brings its text now"


def test_the_file_names_all_parts_with_version_and_place(names) -> None:
    from importlib import metadata

    text = licences.text(names)
    for name in names:
        facts = metadata.metadata(name)
        assert f"{facts['Name']} {facts['Version']}: " in text
        assert licences.address_of(name) in text
    for phrase in (
        "GNU AFFERO GENERAL PUBLIC LICENSE",
        "GNU LESSER GENERAL PUBLIC LICENSE",
        "PYTHON SOFTWARE FOUNDATION LICENSE",
        "Bootloader Exception",
        f"Python {sys.version.split()[0]}",
    ):
        assert phrase in text, phrase
    assert str(Path.home()) + "/" not in text


@pytest.mark.skipif(not Path("/usr/bin/dpkg-query").exists(), reason="asks Debian's packages")
def test_libraries_of_the_system_bring_their_notice() -> None:
    found = licences.system_packages([Path("/bin/sh").resolve(), Path(__file__)])
    assert len(found) == 1
    (notice,) = found.values()
    assert "opyright" in notice
    assert licences.system_packages([Path(__file__)]) == {}
