"""Plain data is read strictly; of many entries, a bad one is left out and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.history.shapes import ACCURACY, RESULTS
from core.sensitivity.records import check
from core.system.budget import SETTINGS, read_json
from core.system.plain import parse_json
from core.system.records import Shape, checked, each_read, leave_out, naming_left_out

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda held: st.lists(held, max_size=4) | st.dictionaries(st.text(), held, max_size=4),
)


IMAGE = {"image": "a.png", "change": 0.0, "scores": [0.5, None], "truth": [], "boxes": [[], []]}


@pytest.mark.parametrize(
    "change",
    [{"scores": [0.5]}, {"boxes": []}, {"boxes": [[], [], []]}, {"scores": []}],
)
def test_parts_that_do_not_agree_are_damaged(change: dict[str, object]) -> None:
    models = [{"figures": {"map50_95": 0.5}}] * 2
    whole = {"models": models, "images": [IMAGE]}
    assert checked(RESULTS[ACCURACY], whole) == whole
    with pytest.raises(ValueError, match="not described for every model"):
        checked(RESULTS[ACCURACY], {"models": models, "images": [{**IMAGE, **change}]})


@pytest.mark.parametrize("change", [{"block": None}, {"ratio": None}])
def test_a_point_of_a_scan_has_a_block_and_a_ratio_or_none(change: dict[str, object]) -> None:
    point = {"scan": "k", "block": 2, "ratio": 0.5, "map50_95": 0.25}
    check(point)
    check({**point, "block": None, "ratio": None})
    with pytest.raises(ValueError, match="without a"):
        check({**point, **change})


@given(PLAIN)
def test_what_was_written_is_read(data: object) -> None:
    text = json.dumps(data)
    assert parse_json(text) == parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        b"\xff{}",
        "[" * 100_000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        "9" * 5000,
        "[18446744073709551616]",
        "[-9223372036854775809]",
        "[NaN]",
        '{"a": -Infinity}',
        "[1e999]",
        "[-1E+400]",
        r'["\ud800"]',
        r'{"\udfff": 1}',
        r'["\udc80 of a file name that is not UTF-8"]',
    ],
)
def test_what_could_not_be_computed_with_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_json(text)
    assert not isinstance(caught.value, RecursionError)


@pytest.mark.parametrize("text", [r'"\ud83d\ude00"', '"NaN"', '"1e999"', f'"{"9" * 64}"'])
def test_words_are_not_taken_for_numbers(text: str) -> None:
    assert parse_json(text) == json.loads(text)


def test_what_diverged_is_read_where_it_may_be() -> None:
    assert parse_json("[Infinity]", finite=False) == [float("inf")]
    with pytest.raises(ValueError, match="large"):
        parse_json(f"[NaN, {'9' * 400}]", finite=False)


def test_a_file_is_read_or_the_system_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    assert read_json(tmp_path / "a.json", SETTINGS) == [1]
    with pytest.raises(OSError, match="No such file"):
        read_json(tmp_path / "b.json", SETTINGS)


class Point(Shape):
    x: float
    name: str | None = None


@pytest.mark.parametrize("data", [{"x": 1}, {"x": 1.5, "name": "a", "more": [1]}])
def test_data_of_a_shape_is_used_as_it_was_read(data: dict) -> None:
    assert checked(Point, data) is data


@pytest.mark.parametrize("data", [None, [], {}, {"x": "1"}, {"x": True}, {"x": 1, "name": 2}])
def test_other_data_is_refused_with_what_is_wrong(data: object) -> None:
    with pytest.raises(ValueError, match=r"^(x|name|it): "):
        checked(Point, data)


def test_of_many_the_bad_ones_are_named() -> None:
    entries = {f"entry {n}": value for n, value in enumerate([{"x": 1}, 7, {"x": None}, {"x": 2}])}
    with naming_left_out() as names:
        found = each_read(entries, lambda data: checked(Point, data)["x"])
        leave_out("entry 1", ValueError("the same again"))
        leave_out("entry 1", ValueError("the same again"))
    assert found == [1, 2]
    assert [name.partition(":")[0] for name in names] == [
        "Left out entry 1",
        "Left out entry 2",
        "Left out entry 1",
    ]
    assert all("\n" not in name for name in names)


def test_nobody_has_to_ask() -> None:
    leave_out("x", ValueError("y"))
    assert each_read({"a": 1}, lambda _: checked(Point, 1)) == []


def test_what_concerns_the_whole_is_raised() -> None:
    def newer(_: object) -> None:
        raise UserError("It was written by a newer Secateur.")

    with pytest.raises(UserError):
        each_read({"a": 1}, newer)
    with naming_left_out() as names:
        assert each_read({"a": 1}, newer, again=False) == []
    assert names == ["Left out a: It was written by a newer Secateur."]
