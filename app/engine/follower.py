"""Reads on in the events of one job, and says what is known of it now."""

from __future__ import annotations

from core.runs.tail import Digest, RunEntry, Snapshot

SLICE = 256 * 1024
"""Bytes of events read at a time; more than that waits its turn, so that a long log that is opened
again leaves room for the window's own thread."""


class Follower:
    """Follows a job from its first event.

    Parameters
    ----------
    folder : str

    Attributes
    ----------
    more : bool
        Whether there was more than one slice to read.
    """

    def __init__(self, folder: str) -> None:
        self.more = False
        self._folder, self._offset = folder, 0
        self._digest = Digest()
        self._shown: RunEntry | None = None

    def read(self) -> Snapshot | None:
        """Return what is known now, where that is more than before and nothing is left to read."""
        from core.runs.folder import read_events
        from core.runs.listing import entry_of

        self.more = False
        entry = entry_of(self._folder)
        events, offset = read_events(self._folder, self._offset, SLICE)
        if entry is None or (entry == self._shown and not events):
            return None
        for event in events:
            self._digest.take(event)
        self.more = offset - self._offset >= SLICE // 2
        self._offset = offset
        self._shown = None if self.more else entry  # not handed over yet, even if nothing comes
        return None if self.more else self._digest.snapshot(entry)
