"""Whatever happens to the bytes: one clear error, or the very same network."""

from __future__ import annotations

import random
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.checkpoint import load, save
from core.errors import UserError

SMALL = """
nc: 3
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, C2f, [16, True]]
head:
  - [[1], 1, Detect, [nc]]
"""
QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """A real checkpoint of few layers: quick to open, with all the parts of a large one."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
    save(load(folder / "small.yaml").model, folder / "small.pt", train_args={})
    return folder / "small.pt"


@pytest.fixture(scope="module")
def whole(small_file):
    return small_file.read_bytes(), load(small_file).model.state_dict()


def error_or_equal(data: bytes, path, weights) -> bool:
    """Return whether it was refused; fail unless it was refused or is equal."""
    path.write_bytes(data)
    try:
        loaded = load(path)
    except UserError as error:
        assert str(path) in error.message and error.hint and "\n" not in error.message
        return True
    again = loaded.model.state_dict()
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[name], weights[name]) for name in weights)
    return False


@QUICK
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_download_cut_short(part, whole, tmp_path):
    data, weights = whole
    assert error_or_equal(data[: int(part * len(data))], tmp_path / "a.pt", weights)


@QUICK
@given(seed=st.integers(0, 2**32), count=st.sampled_from([1, 1, 2, 50]))
def test_flipped_bits(seed, count, whole, tmp_path):
    data, weights = whole
    flipped = bytearray(data)
    dice = random.Random(seed)
    for _ in range(count):
        flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
    error_or_equal(bytes(flipped), tmp_path / "a.pt", weights)


@QUICK
@given(seed=st.integers(0, 2**32))
def test_flipped_bits_in_the_directory(seed, whole, tmp_path):
    """The directory at the end holds names and sizes that no checksum guards."""
    data, weights = whole
    flipped = bytearray(data)
    dice = random.Random(seed)
    flipped[-1 - dice.randrange(10_000)] ^= 1 << dice.randrange(8)
    error_or_equal(bytes(flipped), tmp_path / "a.pt", weights)


@QUICK
@given(seed=st.integers(0, 2**32))
def test_a_damaged_pickle_with_a_right_checksum(seed, whole, tmp_path, small_file):
    """Whatever the pickle turns into, nothing but a UserError comes out of it."""
    dice = random.Random(seed)
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(small_file) as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.infolist():
            data = bytearray(old.read(entry))
            if entry.filename.endswith("data.pkl"):
                for _ in range(dice.choice([1, 2, 5])):
                    data[dice.randrange(len(data))] = dice.randrange(256)
            new.writestr(entry.filename, bytes(data))
    try:
        load(path)
    except UserError as error:
        assert "\n" not in error.message


@QUICK
@given(data=st.binary(max_size=300))
def test_random_bytes(data, tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(data)
    with pytest.raises(UserError):
        load(path)


@QUICK
@given(data=st.binary(max_size=100))
def test_random_pickles(data, tmp_path):
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + data + b".")
        archive.writestr("a/version", "3\n")
    with pytest.raises(UserError):
        load(path)


def test_a_flipped_weight_is_noticed(whole, tmp_path):
    """torch itself would load it without a word."""
    data, _ = whole
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0x40
    path = tmp_path / "a.pt"
    path.write_bytes(bytes(flipped))
    with pytest.raises(UserError, match="checksum"):
        load(path)


def test_bytes_behind_the_end(whole, tmp_path):
    data, weights = whole
    error_or_equal(data + bytes(100), tmp_path / "a.pt", weights)
    error_or_equal(b"#!/bin/sh\n" + data, tmp_path / "a.pt", weights)
