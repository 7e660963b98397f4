"""Objects from elsewhere, counted before they are walked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace

from core.system.budget import WEIGHT, Budget, over, too_deep, too_many


def check_tree(
    value: object,
    budget: Budget,
    label: object,
    parts: Callable[[object], Iterable[object]] | None = None,
) -> int:
    """Refuse what would be too much to walk, where every part is walked as often as it is met.

    Parameters
    ----------
    value : object
    budget : Budget
        Its entries and depth count.
    label : object
        How messages name the file.
    parts : callable, optional
        What an object holds; the items of lists, tuples, sets and dicts otherwise.

    Returns
    -------
    int
        Entries.

    Raises
    ------
    OverBudgetError
        Also when something contains itself.
    """
    inside = parts or plain_parts
    known: dict[int, tuple[int, int]] = {}
    under_way: set[int] = set()
    pending: list[tuple[object, bool]] = [(value, False)]
    while pending:
        item, done = pending.pop()
        if done:
            under_way.discard(id(item))
            found = [known[id(part)] for part in inside(item)]
            entries = 1 + sum(count for count, _ in found)
            depth = 1 + max((deep for _, deep in found), default=0)
            if entries > budget.entries:
                raise too_many(label, budget)
            if depth > budget.depth:
                raise too_deep(label, budget)
            known[id(item)] = entries, depth
        elif id(item) in under_way:
            raise over(label, "contains something that contains itself")
        elif id(item) not in known:
            held = list(inside(item))
            if not held:
                known[id(item)] = _weight(item), 0
                continue
            under_way.add(id(item))
            pending.append((item, True))
            pending += [(part, False) for part in held if id(part) not in known]
            if len(pending) > 2 * budget.entries:
                raise too_many(label, budget)
    return known[id(value)][0]


def plain_parts(item: object) -> Iterable[object]:
    """Return what a list, tuple, set, dict, keys included, or namespace holds; else nothing."""
    if isinstance(item, SimpleNamespace):
        item = vars(item)
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    return list(item) if isinstance(item, list | tuple | set | frozenset) else ()


def _weight(item: object) -> int:
    return 1 + len(item) // WEIGHT if isinstance(item, str | bytes) else 1
