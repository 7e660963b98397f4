"""Valid files of every kind, changed anywhere: accepted, or refused in one line; nothing else.

The same generators as ``make fuzz``, whose seed and number find an input again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.kinds import KINDS
from tests.fuzz.world import World, build, homes


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A valid file of every kind, and caches and settings of its own."""
    root = tmp_path_factory.mktemp("fuzz") / "world"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in homes(root).items():
            patch.setenv(name, value)
        made = build(root)
        patch.chdir(root / "files")
        yield made


@pytest.mark.parametrize("name", KINDS)
def test_a_kind(name: str, world: World) -> None:
    outcomes = set()

    @given(st.integers(0, 2**32))
    @settings(max_examples=12)
    def check(number: int) -> None:
        try:
            outcomes.add(KINDS[name].run(world, Random(f"test/{name}/{number}")))
            assert not (world.root / "files" / "MARK").exists()
        finally:
            world.restore()

    check()
    if name == "hostile pickle":
        assert outcomes == {"refused"}


@pytest.mark.parametrize("name", [name for name in KINDS if "hostile pickle" not in name])
def test_valid_files_are_accepted(name: str, world: World) -> None:
    """Otherwise a refusal would mean nothing; names and words are odd by themselves."""
    from tests.fuzz.kinds import _named

    if name in ("word of a command", "protocol line"):
        return
    _named(world, Random(0))
    try:
        for use in KINDS[name].uses:
            if getattr(use, "__name__", "") not in ("history NAMED", "trust show NAMED"):
                assert use(world) == "accepted", use
                world.restore()
                _named(world, Random(0))
    finally:
        world.restore()


def test_changed_files_are_found_again() -> None:
    from tests.fuzz.mutate import odd_json

    content = b'{"a": [1, 2, {"b": null}], "c": "d"}'
    made = [[odd_json(content, Random(f"0/x/{n}")) for n in range(200)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 150


def test_only_what_a_process_is_given_is_used(world: World) -> None:
    assert all(Path(value).is_relative_to(world.root) for value in homes(world.root).values())
