"""What a report is asked to measure, and what results from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.data.stream import DataSettings
    from core.report.known import Known, Network


@dataclass(frozen=True, slots=True)
class Measuring:
    """What to measure, and how.

    Attributes
    ----------
    what : tuple of str
        Of ``accuracy``, ``latency`` and ``alternatives``.
    data : DataSettings or None
        The images; accuracy needs them, alternatives have none without.
    threads : int or None
        Of the runtimes; one per core by default.
    device : str
    against : tuple of Path
        Further models to hold against, such as a smaller one trained on the same data.
    """

    what: tuple[str, ...] = ()
    data: DataSettings | None = None
    threads: int | None = None
    device: str = ""
    against: tuple[Path, ...] = ()


def there(known: Known) -> list[Network]:
    """Return the networks whose files are there."""
    return [network for network in known.shown if network.sha256 is not None]


def hashes(networks: Sequence[Network]) -> tuple[str, ...]:
    """Return the SHA-256 of each."""
    return tuple(network.sha256 for network in networks if network.sha256 is not None)


def part(number: int, things: Sequence[Any] | Mapping[Any, Any]) -> tuple[float, float]:
    """Return which part of the progress one of several things has."""
    return number / len(things), (number + 1) / len(things)
