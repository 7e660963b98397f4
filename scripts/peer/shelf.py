"""Networks that a training reads and writes without files."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import core
from core.checkpoint import Loaded


class Shelf:
    """Networks kept in memory: Torch-Pruning's hold classes that no Ultralytics file may hold."""

    def __init__(self, name: str, loaded: Loaded) -> None:
        self._networks, self._states = {name: loaded}, dict[str, Any]()
        self._like = loaded

    def load(self, path: str | Path) -> Loaded:
        return self._networks.get(str(path)) or core.load(path)

    def save(
        self, model: Any, path: Path, *, training: dict[str, Any] | None = None, **_rest: Any
    ) -> None:
        self._networks[str(path)] = replace(self._like, model=copy.deepcopy(model).float())
        self._states[str(path)] = training or {}
        path.touch()

    @contextmanager
    def instead_of_files(self) -> Iterator[None]:
        """Let the trainer read and write here; nothing else about it changes."""
        home = "core.tune"
        with (
            mock.patch(f"{home}.run.load", self.load),
            mock.patch(f"{home}.finish.load", self.load),
            mock.patch(f"{home}.finish.read_state", lambda path: self._states[str(path)]),
            mock.patch(f"{home}.finish.sha256_of", lambda path: ""),
            mock.patch(f"{home}.trainer.save", self.save),
            mock.patch(f"{home}.finish.save", self.save),
        ):
            yield
