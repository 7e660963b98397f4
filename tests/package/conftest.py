"""What the packaged program is made of, looked at without building it."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def icons(tmp_path_factory):
    from scripts.bundle import icons

    return icons.make(tmp_path_factory.mktemp("icons"))
