"""A search whose journal was changed continues, or says why not in one line."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from random import Random

import pytest

from core.errors import UserError
from core.search import records
from tests.core.search.test_study import Given, searched
from tests.fuzz.mutate import odd_lines


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search") / "whole"
    searched(folder, trials=8)
    return folder


@pytest.mark.parametrize("seed", range(8))
def test_changed_journals(seed: int, whole: Path, tmp_path: Path) -> None:
    content = (whole / records.JOURNAL).read_bytes()
    for number in range(40):
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        random = Random(f"{seed}/{number}")
        (folder / records.JOURNAL).write_bytes(odd_lines(content, random))
        try:
            found = searched(folder, Given(), trials=10)
        except UserError as error:
            assert "\n" not in error.message
            continue
        assert all(t["trial"] == n for n, t in enumerate(found.trials))
        assert all(math.isfinite(value) for t in found.front for value in records.point_of(t))
