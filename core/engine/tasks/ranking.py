"""The task that looks at some of the images of a ranking, for one that several processes share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.engine.tasks import Args, Models, Task, check_images, data_of
from core.errors import UserError, no_dataset
from core.progress import Progress, publish

if TYPE_CHECKING:
    from core.data.stream import Stream
    from core.pruning.criteria.sums import MakeSum, Sum

_streams: dict[str, Stream] = {}
_sums: dict[str, Sum] = {}
"""What was used last in this process, by what it was made for: one of each, they hold images."""


def rank_batches(models: Models, args: Args, progress: Progress) -> dict[str, Any]:
    """Look at batches of images; what each says of the atoms is a partial result.

    The network is that of ``path`` without the structure that ``plan`` takes away (null: all of it)
    and without the channels that are ``removed`` of what that leaves; ``weights`` is the hash of
    it. ``batches`` are the number of the first and that after the last.
    """
    from core.choose.elsewhere import text_of
    from core.pruning.criteria import full_precision
    from core.pruning.criteria.sums import parts

    stream = _stream_of(models, args)
    check_images(args, stream.sha256)
    made, numbers = _sum_of(models, args, stream), range(*args["batches"])
    with full_precision():
        for number, values in parts(made, stream, numbers, progress):
            publish(progress, {"batch": number, "sum": text_of(values)})
    return {"batches": len(numbers)}


def _stream_of(models: Models, args: Args) -> Stream:
    from core.data.stream import Stream

    wanted = _key([args["path"], args.get("sha256"), args["data"]])
    if wanted not in _streams:
        data = data_of(args)
        if data is None:
            raise no_dataset("Ranking")
        facts = models.get(str(args["path"]), args.get("sha256")).facts
        _streams.clear()
        _streams[wanted] = Stream(data, facts.task, facts.classes)
    return _streams[wanted]


def _sum_of(models: Models, args: Args, stream: Stream) -> Sum:
    """Return what a criterion sums for the network of a request.

    Raises
    ------
    UserError
        When the network is another one here.
    """
    from core.graph.analysis import analyse
    from core.graph.weights import weights_sha256
    from core.plan.criteria import CRITERIA
    from core.plan.masks import unpack
    from core.plan.schema import parse_plan
    from core.plan.shrink import shrink_table
    from core.pruning.surgery import cut_network
    from core.registry import resolve
    from core.structure.stage import stage_of

    device = stream.settings.pick_device()
    names = ("path", "sha256", "plan", "criterion", "removed", "weights")
    wanted = _key([*(args[name] for name in names), device])
    if wanted not in _sums:
        loaded = models.get(str(args["path"]), args.get("sha256"))
        if args["plan"] is not None:
            loaded = stage_of(loaded, parse_plan(args["plan"])).loaded
        model, table = loaded.model, analyse(loaded).table
        removed = unpack(args["removed"], table.atom_count)
        if removed.any():
            model, table = cut_network(model, table, removed), shrink_table(table, removed)
        if weights_sha256(model) != args["weights"]:
            raise UserError(
                "The network that is ranked is another one there than here.",
                "Install the same versions everywhere, or rank in this process.",
            )
        make: MakeSum = resolve(CRITERIA[args["criterion"]].sum)
        _sums.clear()
        _sums[wanted] = make(model, table, device)
    return _sums[wanted]


def _key(facts: list[Any]) -> str:
    return json.dumps(facts, sort_keys=True)


TASKS: Mapping[str, Task] = {"rank": rank_batches}
