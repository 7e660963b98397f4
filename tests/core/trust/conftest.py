from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.trust.source import read_new
from core.trust.store import Trusted, add

EXAMPLES = Path(__file__).with_name("examples")
Trust = Callable[..., Trusted]


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch) -> Path:
    """Settings and caches of this test alone; nothing is trusted in them."""
    for name in ("CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path / "config"


@pytest.fixture
def trust() -> Trust:
    """Trusts a file or package, as the command does after the user agreed."""

    def agree(path: Path, name: str | None = None) -> Trusted:
        return add(read_new(path, name))

    return agree
