"""The command that tries networks on images without labels."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.cli.commands import Add, Command
from core.cli.options import add_image_size, device, shown_progress
from core.errors import UserError
from core.system.scratch import Scratch

NETWORKS = (".pt", ".yaml", ".yml")


def add_parsers(add: Add) -> None:
    """Add the parsers."""
    text = "Run networks on images, folders of images or videos, without labels, side by side."
    parser = add("try", text)
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="further models to put next to it, and the images, folders and videos",
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="write the pictures side by side to this folder"
    )
    parser.add_argument(
        "--confidence", type=float, default=0.25, help="confidence that counts, 0 to 1 (0.25)"
    )
    add_image_size(parser, whose="the first model")
    parser.add_argument(
        "--device", type=device, default="", help="cpu or cuda (a GPU if there is one)"
    )
    parser.add_argument("--events", action="store_true", help="print progress as JSON lines")


def _is_network(file: str) -> bool:
    from core.ship.exported.metadata import is_exported

    return Path(file).suffix.lower() in NETWORKS or is_exported(file)


def _try(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from core.compare.pictures import check_free, write_sheets
    from core.progress import Span
    from core.tryout.agreement import same, total
    from core.tryout.pictures import sheet_of, tried_text
    from core.tryout.run import try_networks

    networks = [options.model, *filter(_is_network, options.files)]
    sources = [file for file in options.files if file not in networks]
    if not sources:
        raise UserError("No image was given.", "Pass an image, a folder of images or a video.")
    target = None if options.output is None else check_free(Path(options.output))
    show, confidence = shown_progress(options), options.confidence
    with Scratch("try") as frames:
        result = try_networks(
            networks,
            sources,
            confidence=confidence,
            image_size=options.image_size,
            device=options.device,
            keep=None if target is None else Path(frames),
            progress=show if target is None else Span(show, 0.0, 0.9),
        )
        counts = [total(result, number, confidence).to_json() for number in range(len(networks))]
        more: dict[str, Any] = {"counts": counts}
        if (shares := [same(result, number) for number in range(len(networks))])[0] is not None:
            more = {"same": shares}
        text = tried_text(result, confidence)
        if target is not None:
            sheets = [sheet_of(result, n, confidence) for n in range(len(result["images"]))]
            written = write_sheets(sheets, target, Span(show, 0.9, 1.0))
            more["pictures"] = [str(path) for path in written]
            text += f"\n{len(written)} pictures in {target}"
        for image in result["images"]:  # frames of videos are gone with their folder
            image["image"] = "" if image["image"].startswith(frames) else image["image"]
            image.pop("maps", None)
    return {**result, **more}, text


COMMANDS: Mapping[str, Command] = {"try": _try}
