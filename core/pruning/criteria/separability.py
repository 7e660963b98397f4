"""How well a channel tells the classes apart: Jeffries–Matusita distance of its activations.

Each class's activations at its objects are fitted by a Gaussian. The distance between two of them
is ``2 (1 - exp(-B))`` with the Bhattacharyya distance ``B`` (Bruzzone, Roli and Serpico 1995, “An
extension of the Jeffreys–Matusita distance to multiclass cases for feature selection”, equations 1
to 3). Channels that say the same are clustered, and one of each cluster stays for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from core.data.stream import Stream
from core.errors import UserError
from core.graph.table import ChannelTable
from core.progress import Progress, silent
from core.pruning.criteria.bn_scale import bn_scale
from core.pruning.criteria.losses import resting
from core.pruning.criteria.magnitude import l2
from core.pruning.criteria.objects import ClassStatistics, ObjectReadings, Objects

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float64]

SIMILAR = 0.3
"""Channels are in one cluster while one minus their mean absolute correlation is at most this."""
SAMPLES = 1024
"""Objects whose readings are kept to find similar channels: memory does not grow with images."""
BACKGROUND = -1


def separability(
    model: nn.Module,
    table: ChannelTable,
    stream: Stream,
    progress: Progress = silent,
    representative: str = "medoid",
) -> Floats:
    """Mean Jeffries–Matusita distance over all pairs of classes, less what another channel tells.

    What is next to the objects is one more class. Of channels of a layer that are alike, the
    representative keeps its score. The others follow in the order in which they would represent;
    their scores are multiplied by what sets them apart from those before them, the least of one
    minus the absolute correlation. So of duplicates one keeps its score, and the others score 0.

    Parameters
    ----------
    representative : str
        The ``medoid`` of the cluster, the channel with the largest ``weight`` (``l2``) or with the
        largest ``gamma`` (``bn_scale``).

    Returns
    -------
    float array, shape (atoms,)
        0 to 2. Atoms that no layer reads score as high as the highest.

    Raises
    ------
    UserError
        When all there is in the images is of one class.
    """
    trial = resting(model, stream.settings.pick_device())
    readings = ObjectReadings(trial, table)
    statistics = ClassStatistics(table.atom_count, SAMPLES)
    done = 0
    with readings.listening(), torch.no_grad():
        for batch in stream.batches():
            objects = Objects(batch)
            readings.expect(objects)
            trial(batch["img"])
            inside, beside = (part.double().cpu().numpy() for part in readings.values())
            kinds = objects.classes.cpu().numpy()
            for kind in np.unique(kinds).tolist():
                statistics.add(kind, inside[kinds == kind])
            if len(beside):
                statistics.add(BACKGROUND, beside)
            done += objects.images
            progress(done / len(stream), f"Reading image {done} of {len(stream)}")
    if len(statistics.count) < 2:
        raise UserError(
            "All images have the same class, so class separability cannot be computed.",
            "Use more images (--images), or another criterion.",
        )
    scores = jeffries_matusita(*statistics.gaussians())
    if np.isfinite(scores).all():
        strength = STRENGTHS[representative](model, table)
        scores = _spare_one(table, scores, readings.seen, np.array(statistics.kept), strength)
    return readings.spare_unread(scores)


STRENGTHS: Mapping[str, Callable[[nn.Module, ChannelTable], Floats | None]] = {
    "medoid": lambda model, table: None,
    "weight": l2,
    "gamma": bn_scale,
}
"""What makes a channel the representative of its cluster; None is nearness to all others."""


def jeffries_matusita(mean: Floats, variance: Floats) -> Floats:
    """Return the mean distance over all pairs of classes.

    Parameters
    ----------
    mean, variance : float arrays, shape (classes, atoms)

    Returns
    -------
    float array, shape (atoms,)
        0 to 2; 0 for an atom that never varies.
    """
    total = np.zeros(mean.shape[1])
    smallest = np.finfo(float).tiny ** 0.5
    variance = np.maximum(variance, smallest)
    for one in range(len(mean) - 1):
        both = variance[one] + variance[one + 1 :]
        apart = (mean[one] - mean[one + 1 :]) ** 2 / both / 4
        wider = both / 2 / np.sqrt(variance[one]) / np.sqrt(variance[one + 1 :])
        distance = apart + np.log(np.maximum(wider, 1.0)) / 2
        total += (2 * -np.expm1(-distance)).sum(0)
    pairs = len(mean) * (len(mean) - 1) / 2
    result: Floats = total / pairs
    return result


def _spare_one(
    table: ChannelTable,
    scores: Floats,
    seen: NDArray[np.bool_],
    samples: NDArray[np.float32],
    strength: Floats | None,
) -> Floats:
    """Lower the score of every channel that others of its layer represent."""
    result = scores.copy()
    waiting = seen.copy()
    for number, layer in enumerate(table.layers):
        held = np.unique(table.outputs(number))
        atoms = held[held >= 0]
        atoms = atoms[waiting[atoms]]
        if not layer.mixes or len(atoms) < 2:
            continue
        waiting[atoms] = False
        apart = _distances(samples[:, atoms])
        tree = linkage(squareform(apart, checks=False), "average")
        cluster = fcluster(tree, SIMILAR, "distance")
        for label in np.unique(cluster):
            own = np.flatnonzero(cluster == label)
            weakness = apart[np.ix_(own, own)].sum(1) if strength is None else -strength[atoms[own]]
            order = own[np.argsort(weakness, kind="stable")]
            for place in range(1, len(order)):
                result[atoms[order[place]]] *= apart[order[place], order[:place]].min()
    return result


def _distances(samples: NDArray[Any]) -> Floats:
    """One minus the absolute correlation of every two columns; 1 for a column that never varies."""
    centred = samples.astype(np.float64) - samples.mean(0, dtype=np.float64)
    length = np.sqrt(np.square(centred).sum(0))
    centred /= np.where(length > 0, length, 1.0)
    distances: Floats = 1.0 - np.clip(np.abs(centred.T @ centred), 0.0, 1.0)
    distances[distances < 1e-9] = 0.0
    np.fill_diagonal(distances, 0.0)
    return distances
