"""Build a network's latency table: measure its layers, then calibrate on whole networks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import nnls

from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.latency.clock import NO_GRID, Clock, Grid, LatencyTable
from core.plan.latency.files import describe, find_latency, table_path, write_latency
from core.plan.resolve import Resolver
from core.plan.schema import Entry, Plan
from core.plan.widths import Mask
from core.progress import Progress, Span, silent
from core.pruning.surgery import cut_network
from core.ship.latency.grids import grid_of, measure_points, measure_step, points_of
from core.ship.latency.layers import Point
from core.ship.latency.place import Place, place_or
from core.ship.latency.runtime import Settings, cuda_available
from core.ship.latency.runtimes import fused
from core.ship.latency.shapes import Use, layer_uses
from core.ship.latency.store import LayerStore
from core.system.machine import check_device
from core.system.scratch import Scratch
from core.system.size import ImageSize, SizeLike

if TYPE_CHECKING:
    from torch import nn

LAYER_REPEATS = 12
NETWORK_REPEATS = 20

CALIBRATION = ((0.0, 1), (0.05, 1), (0.2, 1), (0.3, 8), (0.45, 1), (0.5, 16), (0.75, 8))
"""Networks that the sum of layers is calibrated on: mean ratio of the blocks, and rounding."""

PRIOR = 0.05
"""Weight of the belief that the layers' sum needs no scaling, against one network's misfit.

It only decides where the networks do not: a machine may run at another speed than when its layers
were measured, and then the scale must tell."""


def settings_of(about: Mapping[str, Any]) -> Settings:
    """Return how a network is run, from a table's description."""
    return Settings(
        batch=int(about["batch"]),
        image_size=ImageSize.of(about["image_size"]),
        threads=int(about["threads"]),
        half=about["precision"] == "fp16",
        device="cuda" if about.get("kind") == "gpu" else "cpu",
    )


def describe_here(
    runtime: str,
    *,
    threads: int | None = None,
    batch: int = 1,
    image_size: SizeLike = 640,
    device: str = "",
    half: bool = False,
) -> dict[str, Any]:
    """Describe a table of this machine (``core.plan.latency.files.describe``).

    Parameters
    ----------
    runtime : str
    threads : int, optional
    batch : int
    image_size : ImageSize, int or pair of int
    device : str
        ``cpu`` or ``cuda``; a GPU if there is one and the runtime is torch, when empty.
    half : bool
        FP16, on a GPU.

    Raises
    ------
    UserError
        For a runtime without layer tables, or a device that is missing.
    """
    place = check_device(device) or ("cuda" if runtime == "torch" and cuda_available() else "cpu")
    if not place.startswith("cuda"):
        return describe(runtime, threads=threads, batch=batch, image_size=image_size)
    if not cuda_available():
        raise UserError("No NVIDIA GPU was found.", "Measure on the CPU: --device cpu.")
    if runtime != "torch":
        raise UserError("On a GPU, latency tables support only torch.", "Add --runtime torch.")
    import torch

    about = describe(
        runtime,
        threads=threads,
        batch=batch,
        image_size=image_size,
        device=torch.cuda.get_device_name(0),
        precision="fp16" if half else "fp32",
    )
    return {**about, "kind": "gpu"}


def build_latency(
    model: nn.Module,
    table: ChannelTable,
    sha256: str,
    about: Mapping[str, Any],
    *,
    renew: bool = False,
    again: bool = False,
    cache: bool = True,
    place: Place | None = None,
    progress: Progress = silent,
) -> LatencyTable:
    """Return a network's latency table, from the cache or measured now.

    Parameters
    ----------
    model : nn.Module
        Not changed.
    table : ChannelTable
        Of that network.
    sha256 : str
        Of its file.
    about : mapping
        Machine, runtime and settings (``describe_here``).
    renew : bool
        Measure even when a table is cached. Times of single layers are still taken from theirs.
    again : bool
        Measure the single layers again, too. Until that is done, the earlier times stay.
    cache : bool
        Whether to read and write the user's cache.
    place : Place, optional
        Where times come from; by default, where ``about`` is of.
    progress : Progress
        May cancel; what was measured until then is kept and not measured again.

    Raises
    ------
    UserError
        When the runtime cannot run here.
    """
    known = find_latency(sha256, about) if cache and not (renew or again) else None
    if known is not None and known.fits(table):
        return known
    settings = settings_of(about)
    with Scratch("latency") as folder, place_or(place, about) as there:
        store = LayerStore(about, None if cache else Path(folder) / "layers.json", again=again)
        progress(0.0, "Measuring steps")
        bare = _layers(model, table, settings, store, about, there, Span(progress, 0.15, 0.45))
        latency = _calibrate(model, table, bare, settings, there, Span(progress, 0.45, 1.0))
        store.settle()
    latency.about["sha256"] = sha256
    if cache:
        with contextlib.suppress(UserError):
            write_latency(table_path(sha256, about), latency)
    progress(1.0, "Done")
    return latency


def _layers(
    model: nn.Module,
    table: ChannelTable,
    settings: Settings,
    store: LayerStore,
    about: Mapping[str, Any],
    place: Place,
    progress: Progress,
) -> LatencyTable:
    def measure(points: Sequence[Point]) -> Any:
        return place.layers(points, settings, LAYER_REPEATS)

    def probe(points: Sequence[Point]) -> Any:
        # Steps are the kernels' own; one thread shows them clearest.
        return place.layers(points, replace(settings, threads=1), LAYER_REPEATS)

    step = measure_step(store, probe)
    uses = layer_uses(fused(model), table, settings.image_size)
    measure_points(store, points_of(uses, step), measure, progress)
    return assemble(table, uses, step, store, about)


def assemble(
    table: ChannelTable,
    uses: Sequence[Use],
    step: int,
    store: LayerStore,
    about: Mapping[str, Any],
) -> LatencyTable:
    """Lay out the layers' grids; not calibrated yet."""
    grids: list[Grid] = []
    places: dict[Any, int] = {}
    layer_grid = np.full(len(table.layers), NO_GRID, np.int32)
    calls = np.zeros(len(table.layers), np.int32)
    for use in uses:
        key = (use.shape, use.inputs, use.outputs)
        if key not in places:
            places[key] = len(grids)
            grids.append(grid_of(use, step, store))
        layer_grid[use.layer] = places[key]
        calls[use.layer] = use.calls
    return LatencyTable(dict(about), step, tuple(grids), layer_grid, calls)


def _calibrate(
    model: nn.Module,
    table: ChannelTable,
    bare: LatencyTable,
    settings: Settings,
    place: Place,
    progress: Progress,
) -> LatencyTable:
    """Measure a few whole networks and fit what is not a layer."""
    masks = calibration_masks(table)
    times = time_networks(
        [cut_network(model, table, mask) for mask in masks],
        place,
        settings,
        NETWORK_REPEATS,
        progress,
    )
    return calibrate(table, bare, masks, times)


def calibration_masks(table: ChannelTable) -> list[Mask]:
    """Return what the networks lack that the sum of layers is calibrated on."""
    resolver = Resolver(table)
    return [_uneven(resolver, ratio, rounding) for ratio, rounding in CALIBRATION]


def _uneven(resolver: Resolver, ratio: float, rounding: int) -> Mask:
    """Prune every block by a ratio of its own, the same in every run: widths of all kinds."""
    blocks = resolver.table.blocks
    spread = np.random.default_rng(round(1000 * ratio)).uniform(0.4, 1.6, len(blocks))
    ratios = np.clip(ratio * spread, 0.0, 0.9).tolist()
    entries = tuple(Entry(block=b.index, ratio=r) for b, r in zip(blocks, ratios, strict=True))
    plan = Plan(selection=entries, round_to=rounding)
    return resolver.resolve(plan, np.zeros(resolver.table.atom_count)).removed


def time_networks(
    models: Sequence[nn.Module],
    place: Place,
    settings: Settings,
    repeats: int,
    progress: Progress = silent,
) -> Any:
    """Time whole networks in turns.

    On one thread of a CPU it is the median of the thread's own computing time, which other
    programs hardly disturb. Otherwise it is a low quartile of the clock's for the first network,
    and for the others their median ratio to it within each turn: a machine whose speed changes
    between turns changes it for all.

    Returns
    -------
    float array, shape (models,)
        Milliseconds.
    """
    wall, cpu = place.networks(models, settings, repeats, progress)
    alone = settings.threads == 1 and settings.device == "cpu"
    if alone:
        return np.median(cpu, axis=0)
    return np.percentile(wall[:, 0], 25) * np.median(wall / wall[:, :1], axis=0)


def calibrate(
    table: ChannelTable, bare: LatencyTable, masks: Sequence[Mask], times: Any
) -> LatencyTable:
    """Fit the overhead to measured networks.

    Non-negative least squares of the relative misfit (Lawson and Hanson), with a weak belief that
    the layers' sum needs no scaling.

    Parameters
    ----------
    table : ChannelTable
    bare : LatencyTable
        Not calibrated: scale 1, no overhead.
    masks : sequence of bool arrays, shape (atoms,)
        What each measured network lacks; the first is the unpruned one.
    times : float array, shape (masks,)
        Milliseconds measured.
    """
    clock = Clock(bare, table)
    rows, goals = [], []
    for mask, ms in zip(masks, times, strict=True):
        own, moved, odd = clock.parts(mask)
        rows.append(np.array([own, 1.0, moved, odd]) / ms)
        goals.append(1.0)
    rows.append(np.array([PRIOR, 0.0, 0.0, 0.0]))
    goals.append(PRIOR)
    matrix = np.stack(rows)
    sizes = np.maximum(matrix.max(axis=0), 1e-30)  # columns of one size: elements are millions
    fit = nnls(matrix / sizes, np.array(goals))[0] / sizes
    scale, constant, per_move, per_odd = (float(value) for value in fit)
    misfit = np.abs(matrix[:-1] @ fit - 1.0).max()
    return replace(
        bare,
        scale=scale,
        constant=constant,
        per_move=per_move,
        per_odd=per_odd / scale if scale else 0.0,
        measured_ms=float(times[0]),
        error=float(misfit),
    )


def table_json(latency: LatencyTable, table: ChannelTable) -> dict[str, Any]:
    """Return what the command ``latency-table`` prints."""
    whole = Clock(latency, table).ms(np.zeros(table.atom_count, bool))
    return {
        "about": dict(latency.about),
        "step": latency.step,
        "shapes": len(latency.grids),
        "points": sum(grid.ms.size for grid in latency.grids),
        "scale": latency.scale,
        "constant_ms": latency.constant,
        "measured_ms": latency.measured_ms,
        "predicted_ms": whole,
        "error": latency.error,
    }
