"""Kinds of inputs: a valid file, how it is changed, and what then reads it.

Whatever is read is accepted, or refused in one line; anything else is a fault.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import unicodedata
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import numpy as np

from core.errors import UserError
from core.system.visible import KEPT
from tests.fuzz.mutate import (
    EVIL,
    ODD,
    changed,
    damaged,
    odd_json,
    odd_lines,
    odd_onnx,
    odd_script,
    odd_sidecar,
    odd_text,
    odd_yaml,
)
from tests.fuzz.world import World, exportable

ACCEPTED, REFUSED = "accepted", "refused"
Outcome = str


class FaultError(Exception):
    """What is neither accepted nor refused in one line."""


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes
    ----------
    name : str
    write : callable
        Writes an input into the world, by a generator of random numbers.
    uses : tuple of callable
        What reads it, each the world to an outcome; one is drawn for each input.
    """

    name: str
    write: Callable[[World, Random], None]
    uses: tuple[Callable[[World], Outcome], ...]

    def run(self, world: World, random: Random) -> Outcome:
        """Write an input and read it; raises whatever is a fault."""
        self.write(world, random)
        return random.choice(self.uses)(world)


# ---- what reads ---------------------------------------------------------------------------------


def main_of(words: Sequence[str]) -> tuple[int, str, str]:
    """Run a command here; return its code, output and error output."""
    from core.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
    return code, out.getvalue(), err.getvalue()


def judged(words: Sequence[str]) -> Outcome:
    """Run a command and judge what it printed."""
    code, out, err = main_of(words)
    for text in (out, err):
        bad = {c for c in text if c not in KEPT and unicodedata.category(c) in {"Cc", "Cf", "Cs"}}
        if bad:
            raise FaultError(f"{words}: prints {bad}")
    if "Internal error" in err + out or "Traceback" in err:
        raise FaultError(f"{words}: {err}")
    lines = [line for line in err.splitlines() if line.startswith("secateur: ")]
    if code == 0:
        if "--json" in words:
            json.loads(out, parse_constant=_no_constant)
        return ACCEPTED
    if code == 2 or (code == 1 and len(lines) == 1 and not out):
        return REFUSED
    raise FaultError(f"{words}: ended with {code}, printed {out[:300]!r} and {err[:600]!r}")


def _no_constant(name: str) -> None:
    raise FaultError(f"{name} is no JSON")


def command(line: str) -> Callable[[World], Outcome]:
    """Return a use that runs a command, in which names of files of the world are upper case."""

    def use(world: World) -> Outcome:
        return judged([_word(world, word) for word in line.split()])

    use.__name__ = line
    return use


def _word(world: World, word: str) -> str:
    if word.isupper():
        return str(world[word.lower().replace("_", " ")])
    return word.replace("./", f"{world.root}/files/")


def reader(read: Callable[[World], object]) -> Callable[[World], Outcome]:
    """Return a use that calls a function, which may refuse."""

    def use(world: World) -> Outcome:
        try:
            read(world)
        except UserError as error:
            if "\n" in error.message:
                raise FaultError(f"more than a line: {error.message}") from error
            return REFUSED
        return ACCEPTED

    return use


def _points(world: World) -> object:
    from core.choose.measured import MeasuredStore

    point = MeasuredStore({}).get(None)
    return point and point.to_json()


def _scores(world: World) -> object:
    from core.choose.score_cache import read_scores

    return read_scores(world["scores"], 10)


def _index(world: World) -> object:
    from core.data.index import read_index

    index = read_index(world["index"])
    return [index.counts(split) for split in index.splits]


def _history(world: World) -> object:
    from core.history.accuracy import accuracy_of
    from core.history.results import result_of, tuned_of
    from core.history.tree import find, read_history, walk

    history = read_history(world["history"])
    nodes = [branch.node for _, branch in walk(history.branches)]
    for node in nodes:
        accuracy_of(nodes, str(node.sha256), "data.yaml", 64)
        find(history.branches, str(node.sha256))
        if node.kind in ("prune", "tune"):
            (result_of if node.kind == "prune" else tuned_of)(node)
    return nodes


def _entries(world: World) -> object:
    from core.runs.listing import entries, figures_of, lost_accuracy, unchanged_text

    found = entries([world["job"].parent.parent, world["queue"].parent])
    return [
        (
            e.title,
            e.name,
            e.how,
            e.output,
            e.word,
            figures_of(e),
            lost_accuracy(e),
            unchanged_text(e),
        )
        for e in found
    ]


def _followed(world: World) -> object:
    from core.runs.folder import read_events
    from core.runs.listing import entry_of
    from core.runs.tail import Digest

    digest, entry = Digest(), entry_of(world["job"].parent)
    for event in read_events(world["job"].parent)[0]:
        digest.take(event)
    return entry and digest.snapshot(entry)


def _protocol(world: World) -> Outcome:
    from core.engine.server import Channel, Engine

    answers = io.StringIO()
    with contextlib.redirect_stderr(io.StringIO()) as printed:
        engine = Engine(Channel(answers))
        engine.serve(io.StringIO((world.root / "files" / "line").read_text("utf-8", "replace")))
        count = 0
        while not engine._queue.empty():
            request = engine._queue.get()
            assert request is not None
            engine._run(request)
            count += 1
    events = [json.loads(line) for line in answers.getvalue().splitlines()]
    ends = [e for e in events if e["event"] in ("done", "failed", "cancelled")]
    if len(ends) != count or "Traceback" in printed.getvalue():
        raise FaultError(f"{count} requests, {len(ends)} answers: {printed.getvalue()}")
    for end in ends:
        if end.get("bug"):
            raise FaultError(end["trace"])
    return ACCEPTED if any(e["event"] == "done" for e in ends) else REFUSED


REPORTS = tuple(command(f"report PROJECT -o ./r.{kind}") for kind in ("html", "md", "json"))
HISTORY = (command("history HISTORY"), command("history HISTORY --json"), reader(_history))
JOBS = (
    command("jobs ./p.jobs"),
    command("jobs ./p.jobs --json"),
    command("jobs show ./p.jobs/t"),
    command("jobs show ./p.jobs/t --json"),
    command("jobs log ./p.jobs/t"),
    reader(_entries),
    reader(_followed),
    *REPORTS,
)
QUEUE = (command("jobs"), command("jobs --json"), command("jobs hold"), reader(_entries))


# ---- what writes --------------------------------------------------------------------------------


def file(name: str, mutate: Callable[[bytes, Random], bytes]) -> Callable[[World, Random], None]:
    """Return what changes a file of the world."""

    def write(world: World, random: Random) -> None:
        path = world[name]
        path.write_bytes(mutate(path.read_bytes(), random))

    return write


TYPES = (np.float64, np.bool_, np.int8, np.complex64, "U8")


def odd_arrays(content: bytes, random: Random) -> bytes:
    """Change a file of arrays: its header, an array's type, values or presence, or its bytes."""
    if random.random() < 0.3:
        return damaged(content, random)
    with np.load(io.BytesIO(content)) as held:
        arrays: dict[str, Any] = {name: held[name] for name in held.files}
    name = random.choice(["header", "header", *arrays])
    if name == "header":
        header = changed(json.loads(bytes(arrays["header"])), random)
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    else:
        arrays[name] = random.choice(
            (
                arrays[name].astype(random.choice(TYPES)),
                arrays[name][:-1],
                arrays[name][None],
                np.array(random.choice((0, -1, 2**40))),
                arrays[name] + 1 if arrays[name].dtype != bool else ~arrays[name],
                np.roll(arrays[name], 1),
                -arrays[name] if arrays[name].dtype != bool else arrays[name],
            )
        )
        if random.random() < 0.1:
            del arrays[name]
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def odd_array(content: bytes, random: Random) -> bytes:
    """Change one array."""
    if random.random() < 0.5:
        return damaged(content, random)
    out = io.BytesIO()
    array = np.load(io.BytesIO(content))
    np.save(out, random.choice((array.astype(np.int8), array[1:], array[None], array * np.nan)))
    return out.getvalue()


def odd_checkpoint(content: bytes, random: Random) -> bytes:
    """Change a checkpoint: its pickle, a name in its archive, or any of its bytes."""
    if random.random() < 0.4:
        return damaged(content, random)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = random.choice(
            [*old.namelist(), *(n for n in old.namelist() if "data.pkl" in n)] * 2
        )
        for name in old.namelist():
            data = old.read(name)
            if name == chosen and random.random() < 0.2:
                continue
            new.writestr(name, damaged(data, random) if name == chosen else data)
    return out.getvalue()


@cache
def pickles() -> tuple[bytes, ...]:
    """Return the hostile pickles of the tests of the loader."""
    from tests.core.checkpoint.hostile import FAMILIES

    return tuple(pickled for family in FAMILIES.values() for _, pickled in family())


def _hostile(world: World, random: Random) -> None:
    from tests.core.checkpoint.test_hostile import archive

    pickled = random.choice(pickles())
    if random.random() < 0.5:  # a mutation of something hostile may be hostile in a new way
        pickled = damaged(pickled, random)
    if random.random() < 0.2:
        world["model"].write_bytes(pickled)
    else:
        archive(world["model"], pickled)


REQUESTS: tuple[Mapping[str, Any], ...] = (
    {"id": 1, "task": "open", "args": {"path": "m.pt", "criterion": "l2", "seed": 0}},
    {"id": 2, "cancel": 1},
    {"id": 3, "task": "nope", "args": {}},
    {"quit": False},
)


def _line(world: World, random: Random) -> None:
    """Write a request that is odd, names an odd file, or is damaged on the way.

    The other arguments of a task are the window's own: a wrong one is a fault of the window.
    """
    request = {**random.choice(REQUESTS)}
    what = random.randrange(4)
    if what == 0:
        key = random.choice(list(request))
        request = {**request, key: random.choice(ODD)}
    elif what == 3 and request.get("args"):
        request["args"] = {**request["args"], "path": random.choice(ODD)}
    line = json.dumps(request).encode()
    if what == 1:
        line = damaged(line, random)
    (world.root / "files" / "line").write_bytes(line + b"\n")


OPTIONS = (
    "inspect MODEL --image-size", "predict MODEL --plan", "prune MODEL -o ./o.pt --plan",
    "inspect", "data", "history", "report -o ./r.md", "jobs", "jobs show", "steps", "trust show",
    "report PROJECT -o", "evaluate MODEL --data", "predict MODEL --plan PLAN --image-size",
    "prune MODEL --plan PLAN -o", "suggest MODEL --macs", "latency MODEL --runtime",
    "export MODEL -o ./m.onnx --format", "finetune PRUNED --data DATA --preset", "arguments",
    "try MODEL", "compare MODEL PRUNED --data", "plan MODEL", "retarget MODEL -o ./o.pt --data",
)  # fmt: skip


def _option(world: World, random: Random) -> Outcome:
    words = [_word(world, word) for word in random.choice(OPTIONS).split()]
    odd = str(random.choice((*ODD, *world.files.values())))
    return judged([*words, odd.replace("\x00", "")[:200].encode("utf-8", "replace").decode()])


def _named(world: World, random: Random) -> None:
    """Give the model a hostile name; what reads it finds it there."""
    folder = world.root / "files" / random.choice(("d", EVIL.replace("/", ""), "'; x", "-o"))
    folder.mkdir(exist_ok=True)
    path = folder / f"{EVIL.replace('/', '')}.pt"
    path.write_bytes(world["model"].read_bytes())
    world.files["named"] = path


class Options(Kind):
    """Words of the command line instead of files."""

    def run(self, world: World, random: Random) -> Outcome:
        """Run a command with an odd last word."""
        return _option(world, random)


def commands(*lines: str) -> tuple[Callable[[World], Outcome], ...]:
    """Return uses that each run a command."""
    return tuple(map(command, lines))


PREDICT = "predict MODEL --plan PLAN"
PRUNE = f"prune{PREDICT.removeprefix('predict')} -o ./o.pt --json"
INSPECT = ("inspect MODEL", "inspect MODEL --json")
STEPS = commands("steps ./s", "steps ./s --json")
TRUST = commands("trust list", "trust list --json", *INSPECT)
NEW_JOB = commands("jobs new finetune SETTINGS --queue")
DATA = commands("data DATA", "data DATA --json", "data DATA --model MODEL")
NAMED = commands("inspect NAMED", "history NAMED", "trust show NAMED")
OF_PROJECT = commands("history PROJECT", "jobs PROJECT")
NODES = ("model", "prune", "tune")
MEASURED = ("accuracy", "latency", "alternatives", "export")


def _opened(name: str) -> Callable[[World], object]:
    """Return what opens an exported file, and says what it is."""

    def use(world: World) -> object:
        from core.ship.exported.network import open_exported

        loaded = open_exported(world[name])
        return json.dumps([str(loaded.facts), loaded.model.about.plain()])

    return use


MUTATES: Mapping[str, Callable[[bytes, Random], bytes]] = {
    "onnx": odd_onnx,
    "openvino": odd_sidecar,
    "torchscript": odd_script,
    "ncnn": odd_sidecar,
}
"""How exported files are changed, by their formats."""


def _says(name: str) -> Callable[[World, Random], None]:
    """Return what changes what an exported file says of itself."""

    def write(world: World, random: Random) -> None:
        path = world[name]
        path = path / "metadata.yaml" if path.is_dir() else path
        path.write_bytes(MUTATES[name](path.read_bytes(), random))

    return write


RUNS: Mapping[str, tuple[str, ...]] = {
    "onnx": ("try ONNX IMAGE", "latency ONNX --repeats 1 --threads 1"),
    "torchscript": ("try TORCHSCRIPT IMAGE",),
}
"""What also runs exported files; other runtimes take long on a busy machine, and no other way."""


def _exported(name: str) -> Kind:
    lines = (f"evaluate {name.upper()} --data DATA --device cpu", *RUNS.get(name, ()))
    opened = reader(_opened(name))
    return Kind(f"exported: {name}", _says(name), (opened, opened, opened, *commands(*lines)))


def _kinds() -> tuple[Kind, ...]:
    return (
        Kind("plan", file("plan", odd_json), commands(PREDICT, f"{PREDICT} --json", PRUNE)),
        Kind("project", file("project", odd_json), (*REPORTS, *OF_PROJECT)),
        *(Kind(f"history: {n}", file(f"step {n}", odd_json), (*HISTORY, *REPORTS)) for n in NODES),
        *(Kind(f"measured: {n}", file(f"measured {n}", odd_json), REPORTS) for n in MEASURED),
        Kind("measured by 0.1", file("old measurements", odd_lines), REPORTS),
        Kind("job", file("job", odd_json), JOBS),
        Kind("events of a job", file("events", odd_lines), JOBS),
        Kind("waiting job", file("waiting", odd_json), QUEUE),
        Kind("queue", file("queue", odd_json), QUEUE),
        Kind("settings of a job", file("settings", odd_json), NEW_JOB),
        Kind("scan", file("scan", odd_lines), REPORTS),
        Kind("steps", file("steps", odd_lines), (*STEPS, *REPORTS)),
        Kind("cached table", file("table", odd_arrays), commands(*INSPECT, PREDICT, PRUNE)),
        Kind("cached scores", file("scores", odd_array), (reader(_scores),)),
        Kind("measured point", file("point", odd_json), (reader(_points),)),
        Kind("list of images", file("index", odd_json), (reader(_index),)),
        Kind("trusted modules", file("trusted", odd_json), TRUST),
        Kind("dataset", file("data", odd_yaml), DATA),
        Kind("label", file("label", odd_text), DATA),
        Kind("image", file("image", damaged), (*DATA, command("try MODEL IMAGE"))),
        Kind("description", file("description", odd_yaml), commands("inspect DESCRIPTION")),
        Kind("checkpoint", file("model", odd_checkpoint), commands(*INSPECT, PREDICT)),
        Kind("hostile pickle", _hostile, commands(*INSPECT)),
        *map(_exported, exportable()),
        Kind("protocol line", _line, (_protocol,)),
        Kind("hostile name", _named, NAMED),
        Options("word of a command", lambda world, random: None, ()),
    )


KINDS: dict[str, Kind] = {kind.name: kind for kind in _kinds()}
logging.captureWarnings(True)
