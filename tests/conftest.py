"""What holds for all tests: a busy machine turns none of them red, and slow ones are listed.

``tests/slow.txt`` lists the slow ones. A run with ``--measure`` writes it again for the test files
that it runs whole.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # As in Hypothesis' own profile for CI: a submission is checked by the same examples each time;
    # everywhere else they are new ones.
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("unhurried")

SLOW = Path(__file__).with_name("slow.txt")
LONGEST, LONGEST_WINDOW = 0.2, 0.8
"""Seconds that a test may take, with the fixtures it sets up, before it is slow; one of the window
opens a window first."""
LONGEST_SHARED = 3.0
"""Seconds that a fixture of several tests may take, before they are slow whichever is first."""
FIRST = 30.0
"""Seconds from which a test begins before shorter ones: at the end, no worker waits for it."""
FIXTURE = "fixture "
"""What lines of such fixtures begin with."""


def read_slow() -> dict[str, float]:
    """Return the slow tests by what pytest calls them, with the seconds they took."""
    lines = SLOW.read_text(encoding="utf-8").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return {name: float(seconds) for seconds, name in pairs}


def file_of(name: str) -> str:
    """Return the file of a test or of a shared fixture."""
    return name.removeprefix(FIXTURE).partition("::")[0]


def write_slow(slow: dict[str, float]) -> None:
    limits = f"{LONGEST:g} s, of the window {LONGEST_WINDOW:g} s"
    head = f"# Tests that take more than {limits}. Written by `make measure`."
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
    first: list[pytest.Item] = []
    for item in items:
        shared = shared_names(item) & slow.keys()
        if item.nodeid in slow or shared:
            item.add_marker(pytest.mark.slow)
        if slow.get(item.nodeid, 0.0) >= FIRST and not shared:  # else its fixture is made twice
            first.append(item)
    items.sort(key=lambda item: item not in first)


def shared_name(definition: pytest.FixtureDef[Any]) -> str:
    """Return what the list calls a fixture that several tests share; empty for other ones."""
    shared = definition.scope != "function"
    return f"{FIXTURE}{definition.baseid}::{definition.argname}" if shared else ""


def shared_names(item: pytest.Item) -> set[str]:
    """Return what the list calls the shared fixtures that a test needs."""
    known: Mapping[str, Sequence[pytest.FixtureDef[Any]]] = item._fixtureinfo.name2fixturedefs
    return {shared_name(definitions[-1]) for definitions in known.values()} - {""}


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Let the report of the test that sets up a shared fixture say how long that took."""
    began = time.monotonic()
    value = yield
    if name := shared_name(fixturedef):
        request._pyfuncitem.user_properties.append((name, time.monotonic() - began))
    return value


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
        self.skipped: set[str] = set()
        self.shared: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.when == "teardown":
            self.shared |= {n: s for n, s in report.user_properties if n.startswith(FIXTURE)}
        if report.skipped:  # what it takes is known from a run that did not skip it
            self.skipped.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        files = {file_of(name) for name in self.seconds} if self.whole else set()
        known = read_slow()
        slow = {n: s for n, s in known.items() if file_of(n) not in files}
        slow |= {n: s for n, s in known.items() if n in self.skipped}
        for name in self.seconds.keys() - self.skipped:
            slow.pop(name, None)
            seconds = self.seconds[name]
            if seconds > (LONGEST_WINDOW if name.startswith("tests/app/") else LONGEST):
                slow[name] = seconds
        for name, seconds in self.shared.items():
            slow.pop(name, None)
            if seconds > LONGEST_SHARED:
                slow[name] = seconds
        write_slow(slow)
