"""Tables that others add to: what clashes, what cannot be loaded, what code a function is."""

from __future__ import annotations

import functools
import warnings
from fractions import Fraction

import pytest

from core import registry
from core.errors import UserError
from core.registry import Registry, code_of
from tests.core.outside import import_module, install, write_module


def table(group: str = "secateur.none") -> Registry[Fraction]:
    return Registry("share", Fraction, group, {"half": Fraction(1, 2), "late": "late_one:SHARE"})


def test_rows_are_imported_when_they_are_asked_for(tmp_path, monkeypatch) -> None:
    write_module(tmp_path, "late_one", "from fractions import Fraction\nSHARE = Fraction(1, 3)\n")
    shares = table()
    assert list(shares) == ["half", "late"] and len(shares) == 2
    import_module(tmp_path, "late_one", monkeypatch)
    assert shares["late"] == shares.find("late") == Fraction(1, 3)


def test_a_clash_is_named_and_changes_nothing() -> None:
    shares = table()
    with pytest.raises(UserError, match="The share “half” exists already"):
        shares.register("half", Fraction(1))
    shares.register("mine", Fraction(1))
    with pytest.raises(UserError, match="The share “mine” exists already"):
        shares.register("mine", Fraction(2))
    assert shares["half"] == Fraction(1, 2) and shares["mine"] == 1
    with pytest.raises(TypeError, match="the share “four” is a int, not a Fraction"):
        shares.register("four", 4)  # type: ignore[arg-type]
    assert "four" not in shares


def test_only_what_was_added_is_removed() -> None:
    shares = table()
    with pytest.raises(UserError, match="No share “half” was added"):
        shares.remove("half")
    shares.register("mine", Fraction(1))
    assert shares.is_own("half") and not shares.is_own("mine")
    shares.remove("mine")
    with pytest.raises(UserError, match=r"There is no share “mine”. Use one of half, late"):
        shares.find("mine")


def test_installed_packages_add_theirs_and_a_broken_one_is_left_out(tmp_path, monkeypatch) -> None:
    write_module(
        tmp_path,
        "my_shares",
        """
        from fractions import Fraction
        THIRD = Fraction(1, 3)
        WRONG = "a third"
        """,
    )
    install(
        tmp_path,
        "my-shares",
        {
            "secateur.shares": {
                "third": "my_shares:THIRD",
                "half": "my_shares:THIRD",
                "wrong": "my_shares:WRONG",
                "gone": "not_there:THIRD",
            }
        },
    )
    monkeypatch.setattr(registry, "append_fault", lambda error: None)
    import_module(tmp_path, "my_shares", monkeypatch)
    shares = table("secateur.shares")
    with pytest.warns(RuntimeWarning) as said:
        assert list(shares) == ["half", "late", "third"]
    assert shares["third"] == Fraction(1, 3) and shares["half"] == Fraction(1, 2)
    assert not shares.is_own("third")
    texts = sorted(str(one.message) for one in said)
    assert texts == [
        "The share “gone” of my-shares was left out: ModuleNotFoundError: No module named "
        "'not_there'",
        "The share “half” of my-shares was left out: The share “half” exists already.",
        "The share “wrong” of my-shares was left out: TypeError: the share “wrong” is a str, not "
        "a Fraction",
    ]
    with pytest.raises(UserError, match="“gone” of my-shares was left out"):
        shares.find("gone")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        assert shares.find("half") == Fraction(1, 2)


def test_the_code_of_a_function_is_its_file_or_its_package(tmp_path, monkeypatch) -> None:
    path = write_module(tmp_path, "alone", "def first():\n    return 1\n")
    first = import_module(tmp_path, "alone", monkeypatch).first
    before = code_of(first)
    assert before is not None and before == code_of("alone:first")
    assert before == code_of(functools.partial(first))
    write_module(tmp_path, "other", "")
    assert code_of(first) == before
    path.write_text("def first():\n    return 2\n", "utf-8")
    assert code_of(first) == before, "the function is still the one that was loaded"
    assert code_of(import_module(tmp_path, "alone", monkeypatch).first) not in (None, before)

    package = tmp_path / "together"
    package.mkdir()
    write_module(package, "__init__", "")
    write_module(package, "helper", "VALUE = 1\n")
    write_module(package, "second", "def second():\n    return 1\n")
    import_module(tmp_path, "together", monkeypatch)
    second = import_module(tmp_path, "together.second", monkeypatch).second
    before = code_of(second)
    write_module(package, "helper", "VALUE = 2\n")
    again = import_module(tmp_path, "together.second", monkeypatch).second
    assert code_of(again) not in (None, before)


def test_code_that_cannot_be_read_has_no_digest(monkeypatch) -> None:
    made: dict = {"__name__": "typed_in"}
    exec("def typed(): ...", made)
    assert code_of(made["typed"]) is None
    assert code_of("not_there:typed") is None
