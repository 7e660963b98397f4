"""Networks tried on images without labels, in turns, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UserError
from core.progress import Progress, publish, silent
from core.system.files import write_bytes
from core.system.size import ImageSize, SizeLike
from core.tryout.result import FLOOR, Milliseconds, TriedImage, TriedNetwork, Tryout, Unread
from core.tryout.sources import find_sources

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.tryout.frames import Shot, Shots
    from core.tryout.maps import Map
    from core.tryout.networks import Network

MOST_NETWORKS = 6


def try_networks(
    paths: Sequence[str | Path],
    sources: Sequence[str | Path],
    *,
    confidence: float = FLOOR,
    image_size: SizeLike | None = None,
    device: str = "",
    keep: Path | None = None,
    progress: Progress = silent,
) -> Tryout:
    """Run networks on the same images, and report what each finds and how long it takes.

    Parameters
    ----------
    paths : sequence of path
        Of networks of one task, checkpoints or exported files; the first is the baseline.
    sources : sequence of path
        Images, folders of images, and videos.
    confidence : float
        From which on objects are handed on, 0 to 1.
    image_size : ImageSize, int or pair of int, optional
        A square's side, or height and width. The baseline's unless given; an exported file
        takes its own.
    device : str
        Empty picks a GPU if there is one.
    keep : Path, optional
        A folder for the frames of videos and for maps; without one they are not kept, and cannot
        be shown.
    progress : Progress
        Told before every image; may cancel. Every image is a partial result: a `Tryout` with it
        alone.

    Returns
    -------
    Tryout
        Images that cannot be read are in ``skipped``.

    Raises
    ------
    UserError
        For files that cannot be opened, networks of different tasks, or if no image can be read.
    """
    from core.data.stream import pick_device
    from core.ship.export.exporter import sealed
    from core.ship.exported.network import open_network
    from core.tryout.frames import Shots
    from core.tryout.networks import Network

    _check(paths, confidence)
    device = pick_device(device)
    found = find_sources(sources)
    opened: list[Loaded] = []
    for path in paths:
        progress(0.0, f"Opening {Path(path).name}")
        opened.append(open_network(path))
    channels = _check_alike(opened)
    size = opened[0].facts.image_size if image_size is None else ImageSize.of(image_size)
    result: Tryout = {
        "task": opened[0].facts.task,
        "image_size": size.plain,
        "device": device,
        "confidence": confidence,
        "networks": [_described(loaded) for loaded in opened],
        "images": [],
        "skipped": [],
        "left_out": [],
    }
    with sealed():
        networks = [Network(loaded, size, confidence, device) for loaded in opened]
        shots = Shots(found, keep, lambda: progress(_share(result, shots), VIDEO), channels)
        for shot in shots:
            done = len(result["images"])
            progress(_share(result, shots), f"Image {done + 1} of {max(shots.expected, done + 1)}")
            image = _tried(networks, shot, done, keep)
            result["images"].append(image)
            so_far = {"skipped": [*shots.skipped], "left_out": [*shots.left_out]}
            publish(progress, {**result, **so_far, "images": [image]})
    result["skipped"], result["left_out"] = shots.skipped, shots.left_out
    if not result["images"]:
        raise _none_read(shots.skipped)
    progress(1.0, "Done")
    return result


def _none_read(skipped: Sequence[Unread]) -> UserError:
    first, more = skipped[0], len(skipped) - 1
    text = f"{first['file']} cannot be used. {first['reason']}"
    text += f" The other {more} files cannot be used either." if more else ""
    return UserError(text, "Choose other images.")


def _share(result: Tryout, shots: Shots) -> float:
    read = len(result["images"]) + len(shots.skipped)
    return min(read / max(shots.expected, 1), 0.99)


def _tried(networks: Sequence[Network], shot: Shot, number: int, keep: Path | None) -> TriedImage:
    """Run all networks on an image; another one is the first each time, as it may be slower."""
    from core.tryout.maps import map_of
    from core.tryout.networks import objects_of, overlaps_of, times_of

    first = number % len(networks)
    order = [*range(first, len(networks)), *range(first)]
    made = {place: networks[place](shot.pixels) for place in order}
    results = [made[place] for place in range(len(networks))]
    maps = [found for found in map(map_of, results) if found is not None]
    if maps:
        times = [times_of(one) for one in results]
        return _mapped(maps, shot, times, None if keep is None else keep / f"map-{number:06d}")
    objects = [objects_of(one) for one in results]
    overlaps = [
        overlaps_of(results[0], one, (objects[0], mine)) if number else []
        for number, (one, mine) in enumerate(zip(results, objects, strict=True))
    ]
    return {
        "image": shot.image,
        "title": shot.title,
        "objects": objects,
        "milliseconds": [times_of(one) for one in results],
        "overlaps": overlaps,
    }


def _mapped(
    maps: Sequence[Map], shot: Shot, times: list[Milliseconds], place: Path | None
) -> TriedImage:
    """Return maps of an image, and write each over the image if there is a place for it."""
    from core.tryout.maps import drawn, legend

    files = []
    for network, found in enumerate(maps):
        file = None if place is None else place.with_name(f"{place.name}-{network}.jpg")
        if file is not None:
            write_bytes(file, drawn(shot.pixels, found, maps[0]))
        files.append("" if file is None else str(file))
    return {
        "image": shot.image,
        "title": shot.title,
        "objects": [legend(found, maps[0]) for found in maps],
        "milliseconds": times,
        "overlaps": [[] for _ in maps],
        "maps": files,
        "same": [round(found.alike(maps[0]), 5) for found in maps],
    }


def _check(paths: Sequence[str | Path], confidence: float) -> None:
    if not paths:
        raise UserError("No network was given.", "Pass one or more.")
    if len(paths) > MOST_NETWORKS:
        raise UserError(
            f"{len(paths)} networks were given; at most {MOST_NETWORKS} are shown side by side.",
            "Choose fewer.",
        )
    if not 0.0 < confidence < 1.0:
        raise UserError(
            f"The confidence {confidence:g} is not between 0 and 1.", "Pass one such as 0.25."
        )


VIDEO = "Reading the video"


def _check_alike(opened: Sequence[Loaded]) -> int:
    """Check that networks take the same images for one task; return the images' channels."""
    from core.graph.drive import image_channels

    first = opened[0].facts
    if len(counts := {image_channels(loaded.model) for loaded in opened}) > 1:
        listed = " and ".join(map(str, sorted(counts)))
        raise UserError(
            f"The networks take images of {listed} channels.",
            "Choose networks for images of as many channels.",
        )
    for loaded in opened[1:]:
        facts = loaded.facts
        if facts.task != first.task:
            raise UserError(
                f"{Path(first.path).name} is for the task “{first.task}”, "
                f"{Path(facts.path).name} for “{facts.task}”.",
                "Choose networks of one task.",
            )
    return counts.pop()


def _described(loaded: Loaded) -> TriedNetwork:
    from core.data.runtime import RuntimeNetwork

    parameters = sum(one.numel() for one in loaded.model.parameters())
    facts, model = loaded.facts, loaded.model
    found: TriedNetwork = {"path": facts.path, "family": facts.family, "parameters": parameters}
    if isinstance(model, RuntimeNetwork):
        found["parameters"] = None
        if model.image_size is not None:
            found["image_size"] = model.image_size.plain
    return found
