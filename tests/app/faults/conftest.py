"""Engines that are killed start and end as they do for a person."""

import pytest


@pytest.fixture(autouse=True)
def engine_start():
    """In processes of their own."""
