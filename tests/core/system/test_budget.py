"""What a file may take is counted before it is read, and counted right."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.system.budget import (
    LONGEST_NUMBER,
    Budget,
    OverBudgetError,
    parse_json,
    parse_yaml,
    read_bytes,
    read_json,
    read_text,
)
from core.system.cache import read_array, read_arrays, write_arrays
from core.system.files import open_regular
from core.system.tree import check_tree

SMALL = Budget("a test", 10_000, 200, 8)
leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab[]{},:\"\\&*'", max_size=6)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inner),
    max_leaves=40,
)


def depth(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, inside), default=0) if isinstance(value, list | dict) else 0


def entries(value: object) -> int:
    if isinstance(value, dict):
        return 1 + sum(entries(part) for pair in value.items() for part in pair)
    return 1 + sum(map(entries, value)) if isinstance(value, list) else 1


@given(trees)
def test_what_is_within_the_budget_is_read_as_ever(tree: object) -> None:
    large = Budget("a test", 1 << 20, 100_000, 100)
    assert parse_json(json.dumps(tree), large) == tree
    assert parse_json(json.dumps(tree, indent=1).encode(), large) == tree
    assert parse_yaml(yaml.safe_dump(tree), large) == tree
    assert check_tree(tree, large, "it") == entries(tree)


@given(trees, st.integers(0, 6))
def test_depth_is_counted_in_every_way(tree: object, most: int) -> None:
    budget = Budget("a test", 1 << 20, 100_000, most)
    for read in (
        lambda: parse_json(json.dumps(tree), budget),
        lambda: parse_yaml(yaml.safe_dump(tree), budget),
    ):
        try:
            read()
            allowed = True
        except OverBudgetError as error:
            assert f"more than {most} levels deep" in error.message
            allowed = False
        assert allowed == (depth(tree) <= most)


@given(trees, st.integers(1, 40))
def test_entries_of_yaml_are_counted(tree: object, most: int) -> None:
    budget = Budget("a test", 1 << 20, most)
    try:
        parse_yaml(yaml.safe_dump(tree), budget)
        allowed = True
    except OverBudgetError:
        allowed = False
    assert allowed == (entries(tree) <= most)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.integers(10, 10_000))
@settings(max_examples=150)
def test_what_aliases_refer_to_counts_each_time(refers: list[int], most: int) -> None:
    """A chain of lists, each of some that came before, in YAML and as objects."""
    rows, made = ["- &l0 [x]"], [["x"]]
    for number, step in enumerate(refers, 1):
        picked = [max(number - 1 - step % 3, 0), number - 1]
        rows.append(f"- &l{number} [{', '.join(f'*l{p}' for p in picked)}]")
        made.append([made[p] for p in picked])
    sizes = [2]
    for number, step in enumerate(refers, 1):
        sizes.append(1 + sizes[max(number - 1 - step % 3, 0)] + sizes[number - 1])
    total = 1 + sum(sizes)
    budget = Budget("a test", 1 << 20, most, 100)
    for act in (lambda: parse_yaml("\n".join(rows), budget), lambda: check_tree(made, budget, "")):
        if total > most:
            with pytest.raises(OverBudgetError, match="entries"):
                act()
        else:
            act()


@pytest.mark.parametrize(
    "text", ["&a [*a]", "a: &a {b: *a}", "&a [[[*a]]]", "x: &x [&y [*x, *y]]", "&a {? *a : 1}"]
)
def test_what_contains_itself_is_refused(text: str) -> None:
    with pytest.raises(OverBudgetError, match="contains itself"):
        parse_yaml(text, SMALL)


def test_objects_that_contain_themselves() -> None:
    ring: list[object] = []
    ring.append({"a": (ring,)})
    with pytest.raises(OverBudgetError, match="contains itself"):
        check_tree(ring, SMALL, "it")
    space = SimpleNamespace()
    space.own = [space]
    with pytest.raises(OverBudgetError, match="contains itself"):
        check_tree(space, SMALL, "it")


@given(st.integers(1, 400), st.sampled_from(["", "-", "+"]))
def test_long_numbers_are_refused_alike(length: int, sign: str) -> None:
    digits = sign + "7" * length
    reads = [lambda: parse_yaml(digits, SMALL), lambda: parse_yaml(f'!!int "{digits}"', SMALL)]
    if sign != "+":
        reads.append(lambda: parse_json(f'{{"a": [{digits}]}}', SMALL)["a"][0])
    for number, read in enumerate(reads):
        if length > LONGEST_NUMBER:
            with pytest.raises(OverBudgetError, match="whole number"):
                read()
        elif number == 2 and not -(2**63) <= int(digits) < 2**63:  # JSON has 64 bits
            with pytest.raises(ValueError, match="too large"):
                read()
        else:
            assert read() == int(digits)


SPELLINGS = [":1" * 200, "_1" * 200, "7" * 200, "_000" * 90]


@pytest.mark.parametrize(
    "text", [*(f"1{end}" for end in SPELLINGS), "0x" + "f" * 200, "-0b" + "1" * 200]
)
def test_other_spellings_of_long_numbers(text: str) -> None:
    with pytest.raises(OverBudgetError, match="whole number"):
        parse_yaml(f"a: {text}", SMALL)


def test_digits_in_texts_and_fractions_are_no_number() -> None:
    digits = "7" * 300
    found = parse_json(f'{{"{digits}": "{digits}", "a": 0.{digits}}}', SMALL)
    assert found[digits] == digits and 0.7 < found["a"] < 0.8
    assert parse_yaml(f'a: "{digits}"', SMALL) == {"a": digits}


@pytest.mark.parametrize("text", ["[1, 2", "{", "\ufeff{}", "nope", '"\x00"', ""])
def test_what_is_no_json_is_another_error(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_json(text, SMALL)
    assert not isinstance(caught.value, UserError)


# ---- files ---------------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.integers(0, 300))
def test_a_file_is_read_whole_or_refused(data: bytes, most: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a"
        path.write_bytes(data)
        budget = Budget("a test", most, 10)
        if len(data) > most:
            with pytest.raises(OverBudgetError, match="too large for a test"):
                read_bytes(path, budget)
        else:
            assert read_bytes(path, budget) == data


def strangers(folder: Path) -> dict[str, Path | str]:
    """Return what is no file, by what it is."""
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "to pipe").symlink_to(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(folder / "socket"))
    door.close()
    return {
        "a pipe": folder / "pipe", "a folder": folder / "folder", "a link": folder / "to pipe",
        "a loop": folder / "loop", "a socket": folder / "socket", "nothing": folder / "none",
        "zeros": "/dev/zero", "noise": "/dev/urandom", "no device": "/dev/null",
        "a null character": f"{folder}/a\0b", "half a character": f"{folder}/\ud800",
        "a long name": f"{folder}/{'x' * 5000}",
    }  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    for path in strangers(tmp_path).values():
        for read in (open_regular, lambda p: read_text(p, SMALL), lambda p: read_json(p, SMALL)):
            with pytest.raises(OSError) as caught:
                read(path)
            assert caught.value.strerror


def test_line_ends_are_one_sign(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a\r\nb\rc\n")
    assert read_text(tmp_path / "a", SMALL) == (tmp_path / "a").read_text() == "a\nb\nc\n"


# ---- arrays --------------------------------------------------------------------------------------


def claimed(shape: str, data: bytes = b"\0" * 8, kind: str = "<f8") -> bytes:
    """Return an .npy file with a header of one's own."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


@pytest.mark.parametrize(
    "data",
    [
        claimed("(1000000000000,)"),
        claimed("(100000, 100000, 100)"),
        claimed("(-1,)"),
        claimed("(2,)"),
        claimed("(1,)", kind="|O"),
        claimed("(1,)", kind="|V1000000000"),
        claimed("('a',)"),
        b"\x93NUMPY\x09\x00" + b"\0" * 80,
        b"",
        b"PK\x03\x04",
    ],
)
def test_an_array_that_claims_more_than_it_has(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises((ValueError, EOFError)):
        read_array(tmp_path / "a.npy")


def test_arrays_are_read_as_written(tmp_path: Path) -> None:
    values = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "a.npy", values)
    assert np.array_equal(read_array(tmp_path / "a.npy"), values)
    arrays = {"one": values, "none": np.zeros(0, np.int32), "two": np.asfortranarray(values)}
    write_arrays(tmp_path / "a.npz", 3, {"b": 1}, arrays)
    header, found = read_arrays(tmp_path / "a.npz", 3)
    assert header["b"] == 1 and all(np.array_equal(found[key], arrays[key]) for key in arrays)


def test_arrays_in_an_archive_that_claim_more(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "a.npz"
    for name, data in {"claimed": claimed("(1000000000000,)"), "zeros": bytes(300 << 20)}.items():
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{name}.npy", data)
        with pytest.raises(ValueError):
            read_arrays(path, 3)
