"""Latency tables on disk: one versioned file per model, machine and runtime. No torch."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.latency.clock import Grid, LatencyTable
from core.system.cache import DAMAGED, cache_folder, read_arrays, stored, write_arrays
from core.system.machine import default_threads, processor
from core.system.program import to_install
from core.system.size import ImageSize, SizeLike

FORMAT = 2
"""Version of the file; a file of another version is not read but made again."""

LIBRARIES: Mapping[str, str] = {"torch": "torch", "onnx": "onnxruntime"}
"""The distribution whose version decides whether a table still holds, by runtime."""


def latency_folder() -> Path:
    """Return where latency tables are kept."""
    return cache_folder("latency")


def describe(
    runtime: str,
    *,
    threads: int | None = None,
    batch: int = 1,
    image_size: SizeLike = 640,
    device: str = "",
    precision: str = "fp32",
) -> dict[str, Any]:
    """Describe what times depend on, apart from the network.

    Parameters
    ----------
    runtime : str
    threads : int, optional
        By default one per core.
    batch : int
    image_size : ImageSize, int or pair of int
    device : str
        Name of the processor or the GPU; this machine's processor when empty.
    precision : str

    Raises
    ------
    UserError
        For a runtime without layer tables, or one that is not installed.
    """
    if runtime not in LIBRARIES:
        raise UserError(
            f"Latency tables support {' and '.join(LIBRARIES)}, not {runtime}.",
            "`secateur latency` measures whole networks in every runtime.",
        )
    try:
        version = metadata.version(LIBRARIES[runtime])
    except metadata.PackageNotFoundError as error:
        raise UserError(
            f"{LIBRARIES[runtime]} is not installed.",
            to_install("'secateur[export]'"),
        ) from error
    return {
        "device": device or processor(),
        "runtime": runtime,
        "version": version,
        "ultralytics": metadata.version("ultralytics"),
        "threads": threads or default_threads(),
        "batch": batch,
        "image_size": ImageSize.of(image_size).plain,
        "precision": precision,
    }


def key_of(about: Mapping[str, Any]) -> str:
    """Return a short name for a description."""
    text = json.dumps({key: about[key] for key in sorted(about) if key != "sha256"})
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def table_path(sha256: str, about: Mapping[str, Any]) -> Path:
    """Return the file of a model's latency table."""
    return latency_folder() / f"{sha256}-{key_of(about)}.npz"


def write_latency(path: Path, latency: LatencyTable) -> None:
    """Write a table as one file.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    header = {
        "about": latency.about,
        "step": latency.step,
        "names": [grid.name for grid in latency.grids],
        "scale": latency.scale,
        "constant": latency.constant,
        "per_move": latency.per_move,
        "per_odd": latency.per_odd,
        "measured_ms": latency.measured_ms,
        "error": latency.error,
    }
    arrays: dict[str, Any] = {"layer_grid": latency.layer_grid, "calls": latency.calls}
    for number, grid in enumerate(latency.grids):
        arrays[f"inputs_{number}"] = grid.inputs
        arrays[f"outputs_{number}"] = grid.outputs
        arrays[f"ms_{number}"] = grid.ms
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Could not create the folder {path.parent}: {error}.") from error
    write_arrays(path, FORMAT, header, arrays)


def stored_latency(latency: LatencyTable, sha256: str, about: Mapping[str, Any]) -> Path:
    """Return the file of a table: the cached one, or a temporary one where there is no cache."""
    path = table_path(sha256, about)
    if find_latency(sha256, about) is None:
        return stored(path, lambda place: write_latency(place, latency))
    return path


def read_latency(path: Path) -> LatencyTable:
    """Read what ``write_latency`` wrote.

    Raises
    ------
    UserError
        When the file is missing, damaged, or of another version.
    """
    try:
        header, arrays = read_arrays(path, FORMAT)
        grids = tuple(
            _grid(name, *(arrays[f"{part}_{number}"] for part in ("inputs", "outputs", "ms")))
            for number, name in enumerate(header["names"])
        )
        return LatencyTable(
            about=dict(header["about"]),
            step=int(header["step"]),
            grids=grids,
            layer_grid=arrays["layer_grid"],
            calls=arrays["calls"],
            scale=float(header["scale"]),
            constant=float(header["constant"]),
            per_move=float(header["per_move"]),
            per_odd=float(header["per_odd"]),
            measured_ms=float(header["measured_ms"]),
            error=float(header["error"]),
        )
    except DAMAGED as error:
        raise UserError(
            f"The latency table {path.name} cannot be read.", "It is measured again when needed."
        ) from error


def read_about(path: Path) -> dict[str, Any] | None:
    """Return what a table is of, without its times; None where it cannot be read."""
    try:
        return dict(read_arrays(path, FORMAT)[0]["about"])
    except DAMAGED:
        return None


def _grid(name: str, inputs: Any, outputs: Any, ms: Any) -> Grid:
    rising = (np.diff(inputs) > 0).all() and (np.diff(outputs) > 0).all()
    if ms.shape != (len(inputs), len(outputs)) or not rising or not np.isfinite(ms).all():
        raise ValueError(f"the grid {name} is not valid")
    return Grid(str(name), inputs, outputs, ms)


def find_latency(sha256: str, about: Mapping[str, Any]) -> LatencyTable | None:
    """Return a model's cached table of exactly this description, unless there is none."""
    try:
        return read_latency(table_path(sha256, about))
    except UserError:
        return None


def usual_latency(sha256: str, image_size: SizeLike) -> LatencyTable | None:
    """Return the table that plans of a model are timed by on this machine, when one is cached.

    That of ONNX Runtime with one thread per core at the model's image size; failing that, the one
    made last that still holds here, whatever its runtime and settings.

    Parameters
    ----------
    sha256 : str
        Of the model's file.
    image_size : ImageSize, int or pair of int
        Of the model.
    """
    with contextlib.suppress(UserError):
        known = find_latency(sha256, describe("onnx", image_size=image_size))
        if known is not None:
            return known
    return _newest_that(_holds, sha256)


def known_latency(
    sha256: str, image_size: SizeLike, table: ChannelTable, on: str = ""
) -> LatencyTable | None:
    """Return the cached table that a model is timed by; None when there is none that fits.

    Everything that rounds or times a plan takes its table from here: the window, the commands and
    the engine.

    Parameters
    ----------
    sha256 : str
        Of the model's file.
    image_size : ImageSize, int or pair of int
        Of the model.
    table : ChannelTable
    on : str
        Address of another device; this machine when empty.
    """
    known = latency_on(sha256, on) if on else usual_latency(sha256, image_size)
    return known if known is not None and known.fits(table) else None


def latency_on(sha256: str, on: str, **settings: Any) -> LatencyTable | None:
    """Return a model's table of another device that was made last.

    Parameters
    ----------
    sha256 : str
        Of the model's file.
    on : str
        Address of the device.
    **settings
        Further parts of its description that it must have, such as ``threads``.
    """
    wanted = {"on": on, **settings}.items()
    return _newest_that(
        lambda latency: all(latency.about.get(key) == value for key, value in wanted), sha256
    )


def _newest_that(holds: Callable[[LatencyTable], bool], sha256: str) -> LatencyTable | None:
    for path in _newest(latency_folder(), sha256):
        with contextlib.suppress(UserError):
            latency = read_latency(path)
            if holds(latency):
                return latency
    return None


def _newest(folder: Path, sha256: str) -> list[Path]:
    found = []
    for path in folder.glob(f"{sha256}-*.npz"):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def _holds(latency: LatencyTable) -> bool:
    """Whether a table is of this machine's processor (or a GPU) and of the libraries installed."""
    about = latency.about
    if about.get("on"):
        return False
    try:
        now = describe(str(about["runtime"]))
    except (UserError, KeyError):
        return False
    on_gpu = str(about.get("kind", "cpu")) == "gpu"
    same = all(about.get(name) == now[name] for name in ("version", "ultralytics"))
    return same and (on_gpu or about.get("device") == now["device"])
