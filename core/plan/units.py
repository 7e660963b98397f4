"""Units of atoms that go together and so keep every constraint automatically.

An atom with its partners in the other pieces of its split, whole attention heads, whole multiples
of ``round_to``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from core.plan.axes import Axes, Part
from core.plan.resolve import Scores
from core.plan.widths import Mask


def label_units(
    axes: Axes, step: int, usable: Mask, removed: Mask, scores: Scores
) -> NDArray[np.int64]:
    """Number the units: one label per atom, -1 for those that cannot go.

    Rows (partners of equal standing across a split's pieces, runs of ``step`` channels) that share
    an atom become one unit, so a unit is always made of whole rows.

    Parameters
    ----------
    axes : Axes
    step : int
        Kept counts stay multiples of it.
    usable, removed : bool arrays, shape (atoms,)
        Atoms that may go, and those already gone.
    scores : float array, shape (atoms,)
        Importance; the least important are together.

    Returns
    -------
    int64 array, shape (atoms,)
    """
    number = axes.table.atom_count
    pairs: list[NDArray[np.int64]] = []
    stuck = np.zeros(number, bool)
    for pieces in _bundles(axes, step):
        rows, left = _rows(pieces, step, usable, removed, scores)
        stuck[left] = True
        for row in rows:
            pairs.append(np.stack([np.full(len(row) - 1, row[0]), row[1:]]))
    links = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.int64)
    ones = np.ones(links.shape[1])
    graph = sparse.coo_array((ones, (links[0], links[1])), shape=(number, number))
    count, component = connected_components(graph, directed=False)
    bad = np.zeros(count, bool)
    bad[component[stuck | ~usable]] = True
    wanted = usable & ~bad[component]
    label = np.full(number, -1, np.int64)
    label[wanted] = np.unique(component[wanted], return_inverse=True)[1]
    return label


def _bundles(axes: Axes, step: int) -> list[tuple[Part, ...]]:
    """Parts that lose equally many channels together."""
    bundles = list(axes.pieces)
    if step > 1:
        seen = {_key(piece) for pieces in bundles for piece in pieces}
        for parts in axes.parts.values():
            for part in parts:
                if len(part.atoms) and _key(part) not in seen:
                    seen.add(_key(part))
                    bundles.append((part,))
    return bundles


def _key(part: Part) -> bytes:
    return part.atoms.tobytes()


def _rows(
    pieces: tuple[Part, ...], step: int, usable: Mask, removed: Mask, scores: Scores
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Cut pieces into rows that take equally many channels of each, the least important first.

    Returns
    -------
    rows : list of int64 arrays
        Atoms of all pieces that go together.
    left : int64 array
        Usable atoms that found no row.
    """
    size = step
    for piece in pieces:
        own = piece.sizes[usable[piece.atoms]]
        if len(own):
            size = int(np.lcm(size, int(own.max())))
    runs = []
    for piece in pieces:
        # What stays must be whole multiples: a piece that is none keeps all it has.
        fits = step == 1 or (piece.total - piece.gone(removed)) % step == 0
        runs.append(_runs(piece, size, usable, scores) if fits else [])
    count = min(len(run) for run in runs)
    rows = [np.concatenate([run[place] for run in runs]) for place in range(count)]
    everything = np.concatenate([piece.atoms for piece in pieces]).astype(np.int64)
    taken = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    return rows, np.setdiff1d(everything[usable[everything]], taken)


def _runs(piece: Part, size: int, usable: Mask, scores: Scores) -> list[NDArray[np.int64]]:
    """Runs of a piece's atoms, each of exactly ``size`` channels, in order of importance."""
    mine = usable[piece.atoms]
    atoms, sizes = piece.atoms[mine].astype(np.int64), piece.sizes[mine]
    order = np.argsort(scores[atoms], kind="stable")
    atoms, sizes = atoms[order], sizes[order]
    if (sizes == 1).all():
        whole = len(atoms) // size
        return list(atoms[: whole * size].reshape(whole, size))
    runs: list[NDArray[np.int64]] = []
    waiting: list[int] = []
    held = 0
    for atom, width in zip(atoms.tolist(), sizes.tolist(), strict=True):
        if held + width > size:
            continue
        waiting.append(atom)
        held += width
        if held == size:
            runs.append(np.array(waiting, np.int64))
            waiting, held = [], 0
    return runs
