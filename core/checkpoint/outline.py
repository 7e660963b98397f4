"""Follows what a pickle does to its stack, without making anything of it. Needs no torch.

A few opcodes can ask for much: a tuple of tuples that are the same takes an hour to hash where it
is a key, and a storage may claim more bytes than the file has.
"""

from __future__ import annotations

import pickletools
from typing import Any, BinaryIO

from core.system.budget import PICKLE, over

MOST_HASHED = 4 * PICKLE.entries
"""Items of tuples, each as often as it is met, that go into lists, dicts and calls."""
_TUPLES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
PUTS = {"BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"}
GETS = {"BINGET", "LONG_BINGET", "GET"}
_FILLS = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
"""What changes the object under its arguments, and leaves it on the stack."""
_SIZES = {
    "Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1,
    "Byte": 1, "Bool": 1, "Untyped": 1, "ComplexDouble": 16, "ComplexFloat": 8,
}  # fmt: skip
"""Bytes of a number by the kind of its storage."""


def _effect(opcode: Any) -> tuple[int, bool, bool]:
    """Return how many items an opcode takes, if all above a mark as well, and if it gives one."""
    before = list(opcode.stack_before)
    marked = pickletools.markobject in before
    taken = before.index(pickletools.markobject) if marked else len(before)
    return taken, marked, bool(opcode.stack_after)


_EFFECTS = {opcode.name: _effect(opcode) for opcode in pickletools.opcodes}


class Items(tuple[Any, ...]):
    """A tuple of the pickle: what is known of its items, with the items of all tuples in it."""

    total: int


class Outline:
    """The stack of a pickle.

    Parameters
    ----------
    label : object
        How messages name the file.

    Attributes
    ----------
    opcodes : int
        How many there were.
    claims : dict of str to int
        Bytes that each storage claims to have, by its key.
    """

    def __init__(self, label: object) -> None:
        self.opcodes = 0
        self.claims: dict[str, int] = {}
        self._label = label
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._hashed = 0

    def step(self, name: str, argument: Any) -> None:
        """Follow one opcode.

        Raises
        ------
        OverBudgetError
            When it is one too many, or asks for too much.
        """
        self.opcodes += 1
        if self.opcodes > PICKLE.entries:
            raise over(self._label, "describes more objects than a network has")
        stack = self._stack
        if name in PUTS:
            at = len(self._memo) if argument is None else int(argument)
            if at > PICKLE.size:  # a table of that length would be made
                raise over(self._label, "numbers more objects than a network has")
            self._memo[at] = stack[-1] if stack else None
            return
        taken, marked, gives = _EFFECTS[name]
        if not taken and not marked:
            if name == "MARK":
                self._marks.append(len(stack))
            elif name in GETS:
                stack.append(self._memo.get(int(argument)))
            elif gives:
                stack.append(argument)
            return
        self._take(name, taken, marked, gives)

    def _take(self, name: str, taken: int, marked: bool, gives: bool) -> None:
        stack = self._stack
        at = len(stack)
        if marked:
            at = min(self._marks.pop() if self._marks else 0, at)
        at = max(at - taken, 0)
        items = stack[at:]
        del stack[at:]
        if name in _TUPLES:
            made = Items(items)
            made.total = 1 + sum(i.total if type(i) is Items else 1 for i in items)
            stack.append(made)
            return
        if name == "DUP":
            stack += items * 2
            return
        if name == "BINPERSID" and items:
            self._note_storage(items[0])
        # What is called may give the tuple that it was given, such as torch.Size.
        fills = name in _FILLS
        largest = None
        for item in items[1:] if fills else items:
            if type(item) is Items:
                self._hashed += item.total
                largest = item
        if self._hashed > MOST_HASHED:
            raise over(self._label, "contains tuples in one another, too many to look at")
        if gives:
            stack.append(items[0] if fills and items else largest if name == "REDUCE" else None)

    def _note_storage(self, item: Any) -> None:
        """Note how many bytes a storage claims."""
        if type(item) is not Items or len(item) != 5:
            return
        _, kind, key, _, count = item
        size = _SIZES.get(str(kind).rpartition(" ")[2].removesuffix("Storage"))
        if size and isinstance(count, int) and isinstance(key, str):
            self.claims[key] = max(count * size, self.claims.get(key, 0))


class Limited:
    """A stream that gives out no more than the structure of a checkpoint may take."""

    def __init__(self, stream: BinaryIO, label: object) -> None:
        self._stream, self._label = stream, label
        self._left = PICKLE.size

    def read(self, size: int = -1) -> bytes:
        """Read bytes; raises ``OverBudgetError`` where they are too many."""
        self._take(size if size >= 0 else PICKLE.size + 1)
        return self._stream.read(size)

    def readline(self) -> bytes:
        """Read a line; raises as `read`."""
        line = self._stream.readline(self._left + 1)
        self._take(len(line))
        return line

    def tell(self) -> int:
        """Return where the stream is."""
        return self._stream.tell()

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise over(self._label, f"has a structure of more than {PICKLE.size >> 20} MB")
