"""The model in memory: loaded once, and again only when its file has changed."""

from __future__ import annotations

from pathlib import Path

from core.checkpoint import Loaded
from core.errors import UserError
from core.system.files import sha256_of
from core.trust.store import digest, still_holds


class ModelStore:
    """The last network loaded, kept in memory by what is in its file."""

    def __init__(self) -> None:
        self._key = ""
        self._loaded: Loaded | None = None

    def get(self, path: str, expected: str | None = None) -> Loaded:
        """Return the network of a file, loading it when it is not the one in memory.

        Parameters
        ----------
        path : str
        expected : str, optional
            The hash the window knows the model by; a file that was replaced since is refused.

        Raises
        ------
        UserError
            When the file cannot be opened, or is not the one expected.
        """
        from core.pipeline import load

        key = self._key_of(Path(path))
        if self._loaded is None or key != self._key or not _holds(self._loaded):
            self._loaded = None  # never two large networks at once
            self._loaded = load(path)
            self._key = key
        if expected and self._loaded.facts.sha256 != expected:
            raise UserError(
                f"{path} was replaced by another file after it was opened.",
                "Open it again to plan for the new file; you can save your plan first.",
            )
        return self._loaded

    @staticmethod
    def _key_of(path: Path) -> str:
        """Name what is in the file; the name counts too, since a YAML's scale is in it.

        So do the modules that are trusted: another one may stand behind the names in the file.
        """
        content = sha256_of(path) if path.is_file() else ""
        return f"{path}:{content}:{digest()}"


def _holds(loaded: Loaded) -> bool:
    """Return whether the modules that a network needs are still those that it was made with."""
    return all(still_holds(module) for module in loaded.facts.modules)
