"""A context that is entered while something else is done, such as Ray's start."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Early(Generic[T]):
    """Enters a context in a thread, and leaves it with its own end.

    Parameters
    ----------
    context : context manager
    """

    def __init__(self, context: AbstractContextManager[T]) -> None:
        self._context = context
        self._thread = ThreadPoolExecutor(1)
        self._entered: Future[T] | None = None

    def __enter__(self) -> Early[T]:
        """Begin to enter the context."""
        self._entered = self._thread.submit(self._context.__enter__)
        return self

    def get(self) -> T:
        """Wait until the context is entered; return what it gives, or raise what it raised."""
        assert self._entered is not None  # only inside the context
        return self._entered.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until the context is entered, and leave it."""
        self._thread.shutdown(wait=True)
        if self._entered is not None and self._entered.exception() is None:
            self._context.__exit__(kind, error, trace)
