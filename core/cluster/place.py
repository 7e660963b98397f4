"""Where work runs besides this process, as ``--on`` and the window name it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import UserError

CLIENT_PORT = 10001
"""The port of a cluster's Ray client server unless the address names another."""
LARGEST_PORT = 65535
POSSIBLE = "Use ray, ray://HOST:PORT, slurm or slurm:PARTITION."
_SHOWN = 60
_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_FORMS = {
    "ray": re.compile(rf"ray(?:://{_HOST}(?::(?P<port>\d{{1,5}}))?/?)?"),
    "slurm": re.compile(r"slurm(?::(?P<partition>[A-Za-z0-9_][A-Za-z0-9_.-]*))?"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place that runs work.

    Attributes
    ----------
    kind : str
        ``ray`` or ``slurm``.
    address : str
        Host and port of a Ray cluster; empty for Ray on this computer.
    partition : str
        Of Slurm; empty for the cluster's default.
    limits : tuple of (str, str)
        Of Slurm's jobs, as `core.cluster.slurm.parse_limits` returns them; not in the text.
    """

    kind: str
    address: str = ""
    partition: str = ""
    limits: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read a place.

        Parameters
        ----------
        text : str
            ``ray``, ``ray://host:port``, ``slurm`` or ``slurm:partition``.

        Raises
        ------
        UserError
            For anything else.
        """
        for kind, form in _FORMS.items():
            found = form.fullmatch(text)
            if found is None:
                continue
            parts = found.groupdict()
            port = int(parts.get("port") or CLIENT_PORT)
            if not 0 < port <= LARGEST_PORT:
                break
            address = f"{parts['host']}:{port}" if parts.get("host") else ""
            return cls(kind, address, parts.get("partition") or "")
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise UserError(f"“{shown}” is not a place to run on.", POSSIBLE)

    @property
    def text(self) -> str:
        """The place as `parse` reads it."""
        if self.address:
            return f"{self.kind}://{self.address}"
        return f"{self.kind}:{self.partition}" if self.partition else self.kind

    @property
    def line(self) -> str:
        """The place with its limits, as `core.cluster.slurm.read_place` reads it."""
        return " ".join([self.text, *(f"{name}={value}" for name, value in self.limits)])
