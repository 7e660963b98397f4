"""Words of others are printed so that they can be seen, and do nothing."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from core.system.visible import KEPT, visible

HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(st.characters(codec=None)))
def test_nothing_that_steers_is_left_and_the_rest_is(text: str) -> None:
    shown = visible(text)
    assert not [c for c in shown if c not in KEPT and unicodedata.category(c) in HARMFUL]
    assert visible(shown) == shown
    shown.encode("utf-8")  # not even a lone surrogate of a file name


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs", "M"])))
def test_what_can_be_read_is_left_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_examples() -> None:
    assert visible("\x1b[2Jcat\x07") == "\\x1b[2Jcat\\x07"
    assert visible("a\u202eb\u2066c") == "a\\u202eb\\u2066c"
    assert visible("\x9b31m") == "\\x9b31m"
    assert visible("naïve 猫 👩\u200d🚀\n") == "naïve 猫 👩\u200d🚀\n"
    assert visible("\udcff.pt") == "\\udcff.pt"
