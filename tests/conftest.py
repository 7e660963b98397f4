"""What holds for all tests: a busy machine turns none of them red, and slow ones are listed.

``tests/slow.txt`` lists the slow ones. A run with ``--measure`` writes it again for the test files
that it runs whole.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

SLOW = Path(__file__).with_name("slow.txt")
LONGEST = 1.0
"""Seconds that a test may take, with the fixtures it sets up, before it is slow."""


def read_slow() -> dict[str, float]:
    """Return the slow tests by what pytest calls them, with the seconds they took."""
    lines = SLOW.read_text(encoding="utf-8").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return {name: float(seconds) for seconds, name in pairs}


def write_slow(slow: dict[str, float]) -> None:
    head = f"# Tests that take more than {LONGEST:g} s. Written by `make measure`."
    lines = [f"{seconds:.1f} {name}" for name, seconds in sorted(slow.items())]
    SLOW.write_text("\n".join([head, *lines, ""]), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--measure", action="store_true", help="write tests/slow.txt again")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--measure") and not hasattr(config, "workerinput"):
        chosen = config.option.markexpr or config.option.keyword or "::" in "".join(config.args)
        config.pluginmanager.register(Measured(whole=not chosen))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = read_slow()
    for item in items:
        if item.nodeid in slow:
            item.add_marker(pytest.mark.slow)


class Measured:
    """Adds up what every test takes, and writes down the slow ones.

    Parameters
    ----------
    whole : bool
        Whether all tests of a file are run: those that are not met in it are gone, then.
    """

    def __init__(self, whole: bool) -> None:
        self.whole = whole
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        files = {name.partition("::")[0] for name in self.seconds} if self.whole else set()
        slow = {n: s for n, s in read_slow().items() if n.partition("::")[0] not in files}
        for name, seconds in self.seconds.items():
            slow.pop(name, None)
            if seconds > LONGEST:
                slow[name] = seconds
        write_slow(slow)
