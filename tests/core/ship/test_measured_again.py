"""Layers measured again: earlier times count until the new ones are complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.ship.latency.store import LayerStore

ABOUT = {"device": "CPU", "runtime": "onnx", "on": "ssh://pi"}
PLACES = [("a", 1, 2), ("a", 1, 3), ("b", 4, 4)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path))


def measure(again: bool, times, settle: bool = True, places=PLACES) -> LayerStore:
    store = LayerStore(ABOUT, again=again)
    store.add(places[: len(times)], times)
    if settle:
        store.settle()
    return store


def test_new_times_take_the_place_of_the_old_ones_at_the_end() -> None:
    measure(False, [1.0, 2.0, 3.0])
    measure(True, [4.0], settle=False)
    assert [LayerStore(ABOUT)[place] for place in PLACES] == [1.0, 2.0, 3.0]
    store = LayerStore(ABOUT, again=True)  # after an interruption
    assert len(store) == 1 and store[PLACES[0]] == 4.0
    store.add(PLACES[1:], [5.0, 6.0])
    store.settle()
    assert [LayerStore(ABOUT)[place] for place in PLACES] == [4.0, 5.0, 6.0]
    assert not len(LayerStore(ABOUT, again=True))


def test_what_follows_is_kept_with_them() -> None:
    store = measure(True, [4.0, 5.0])
    store.add(PLACES[2:], [6.0])
    assert len(LayerStore(ABOUT)) == 3


def test_nothing_new_changes_nothing() -> None:
    measure(False, [1.0])
    LayerStore(ABOUT, again=True).settle()
    assert LayerStore(ABOUT)[PLACES[0]] == 1.0


def test_the_devices_tables_and_their_layers_are_forgotten_together() -> None:
    from core.plan.latency.devices import Device, forget, remember

    remember(Device(name="pi", address="ssh://pi", processor="", cores=1, libraries={}))
    files = [measure(again, [1.0], settle=False).path for again in (False, True)]
    forget("pi")
    assert not any(file.exists() for file in files)
