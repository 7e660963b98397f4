"""A folder with a valid file of every kind, small enough to be read thousands of times."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NETWORK = """
nc: 3
scales:
  n: [1.0, 1.0, 1024]
backbone:
  - [-1, 1, Conv, [8, 3, 2]]
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, C2f, [16, True]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, C2f, [32, True]]
head:
  - [[2, 4], 1, Detect, [nc]]
"""
SIZE = 64
EXPORTED = ("onnx", "openvino", "torchscript", "ncnn")
"""Formats of exported files that say of themselves what they are."""
HOMES = ("CACHE", "CONFIG", "DATA", "STATE")
DATE = "2026-01-01T10:00:00+00:00"


def homes(root: Path) -> dict[str, str]:
    """Return the variables that keep a process out of the user's own folders."""
    return {f"XDG_{name}_HOME": str(root / "home" / name.lower()) for name in HOMES}


@dataclass
class World:
    """Files of every kind.

    Attributes
    ----------
    root : Path
        All is beneath it.
    files : dict of str to Path
        By what they are called in `tests.fuzz.kinds`.
    """

    root: Path
    files: dict[str, Path] = field(default_factory=dict)
    _whole: dict[Path, tuple[tuple[int, int], bytes]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Path:
        return self.files[name]

    def remember(self) -> None:
        """Take what is there for what should be there."""
        self._whole = {
            path: (_facts(path), path.read_bytes())
            for path in self.root.rglob("*")
            if path.is_file() and not path.is_symlink()
        }

    def unlike(self) -> list[Path]:
        """Return the files that are not what they were, and those that are new."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return [p for p in files if p not in self._whole or self._whole[p][0] != _facts(p)]

    def restore(self) -> None:
        """Make all files what they were, and remove those that are new."""
        kept = {folder for path in self._whole for folder in path.parents}
        for path in sorted(self.root.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                if path not in kept and not any(path.iterdir()):
                    path.rmdir()
            elif path not in self._whole:
                path.unlink()
        for path, (facts, content) in self._whole.items():
            if not path.is_file() or _facts(path) != facts:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                os.utime(path, ns=(facts[0], facts[0]))

    def clear(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.root, ignore_errors=True)


def _facts(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def build(root: Path) -> World:
    """Write a valid file of every kind; the process must have the variables of `homes`."""
    from core.cli.main import main
    from core.system.paths import jobs_folder

    world = World(root)
    folder = root / "files"
    folder.mkdir(parents=True)
    _networks(world, folder)
    _exported(world, folder)
    _project(world, folder)
    _measured(world, folder)
    _jobs(world, folder, jobs_folder())
    _journals(world, folder)
    _cached(world)
    assert main(["report", str(world["project"]), "-o", str(folder / "report.md")]) == 0
    world.remember()
    return world


def _networks(world: World, folder: Path) -> None:
    import torch

    import core
    from core.checkpoint import save
    from tests.core.images import make_dataset
    from tests.core.networks import enliven

    torch.manual_seed(0)
    description = folder / "net.yaml"
    description.write_text(NETWORK)
    loaded = core.load(description)
    names = {0: "a|b", 1: "<b>c</b>", 2: "d`e"}
    loaded.model.names = names
    save(enliven(loaded.model), folder / "m.pt", train_args={"imgsz": SIZE})
    world.files |= {"description": description, "model": folder / "m.pt"}
    plan = core.Plan(selection=({"block": 2, "ratio": 0.5},), locked=(1,), target=None)
    world.files["plan"] = folder / "plan.json"
    world["plan"].write_text(json.dumps(plan.to_json()))
    world.files["pruned"] = folder / "small.pt"
    core.prune(core.load(folder / "m.pt"), plan, folder / "small.pt")
    world.files["data"] = make_dataset(folder / "data", names, images=2, side=SIZE)
    world.files["label"] = folder / "data" / "labels" / "val" / "000.txt"
    world.files["image"] = folder / "data" / "images" / "val" / "000.png"


def exportable() -> list[str]:
    """Return the formats of exported files that can be made and opened here."""
    from core.ship.export.formats import FORMATS

    return [name for name in EXPORTED if FORMATS[name].missing() is None]


def _exported(world: World, folder: Path) -> None:
    import core
    from core.ship.export.exporter import run_exporter
    from core.ship.export.formats import FORMATS
    from core.ship.export.run import put_export
    from core.system.scratch import Scratch
    from core.system.size import ImageSize

    model = core.load(world["model"]).model
    for name in exportable():
        form = FORMATS[name]
        with Scratch("export") as place:  # as `export` does: exporters cannot take every name
            options = {"image_size": ImageSize.of(SIZE), "keep_choice": True}
            made = run_exporter(model, form, Path(place), **options)
            world.files[name] = folder / f"m{form.suffix}"
            put_export(made, world[name])


def _project(world: World, folder: Path) -> None:
    from core.history.results import adopt, steps_of
    from core.project import DataSetting, ModelReference, Project, Result, Tuned, write_project
    from core.system.files import sha256_of
    from core.system.paths import history_of

    plan = json.loads(world["plan"].read_text())
    counts = {"parameters_before": 9000, "parameters_after": 8000}
    costs = {"macs_before": 900000, "macs_after": 800000}
    result = Result(output="small.pt", date=DATE, relative_error=1e-7, plan=plan, **counts, **costs)
    tuned = Tuned(output="tuned.pt", date=DATE, source="small.pt", job="p.jobs/t", parameters=8000)
    project = Project(
        model=ModelReference(path="m.pt", sha256=sha256_of(world["model"]), family="net"),
        plan=plan,
        results=(result,),
        tuned=(tuned,),
        data=DataSetting(path="data/data.yaml", image_size=SIZE),
        sensitivity="scan.jsonl",
        steps="s",
    )
    world.files["project"] = folder / "p.secateur"
    write_project(world["project"], project)
    shutil.copy(world["pruned"], folder / "tuned.pt")
    history = history_of(world["project"])
    adopt(history, steps_of(project), world["model"])
    world.files["history"] = history
    for path in history.glob("*.json"):
        world.files.setdefault(f"step {json.loads(path.read_text())['kind']}", path)


def _measured(world: World, folder: Path) -> None:
    from core.history.measurements import keep
    from core.system.files import sha256_of

    hashes = [sha256_of(world["model"]), sha256_of(world["pruned"])]
    for name, result in measured(hashes, str(world["image"])).items():
        written = keep(world["history"], name, hashes, result)
        world.files[f"measured {name}"] = world["history"] / "measured" / f"{written.id}.json"
    old = [{"secateur": "measured", "version": 1}]
    for name, result in measured(hashes, str(world["image"])).items():
        old.append({"measured": name, "date": DATE, "models": hashes, "result": result})
    world.files["old measurements"] = folder / "p.measured.jsonl"
    _write_lines(world["old measurements"], old)


def measured(hashes: list[str], image: str) -> dict[str, Any]:
    """Return one measurement of each kind as `secateur report --measure all` writes it."""
    figures = {"precision": 0.5, "recall": 0.5, "map50": 0.5, "map50_95": 0.25}
    box = {"class": "a|b", "x": 0.3, "y": 0.3, "width": 0.4, "height": 0.4, "confidence": 0.5}
    models = [
        {
            "path": f"{n}.pt",
            "sha256": sha,
            "figures": figures,
            "classes": {"a|b": figures},
            "images": 2,
        }
        for n, sha in enumerate(hashes)
    ]
    row = {
        "image": image,
        "change": -0.1,
        "scores": [0.5, 0.4],
        "truth": [box],
        "boxes": [[box], []],
    }
    spread = {"median": 5.0, "low": 4.0, "high": 6.0, "iqr": 2.0}
    common = {"runtime": "onnx", "precision": "fp32", "batch": 1, "image_size": SIZE, "threads": 1}
    timings = [
        {"model": sha, **common, "ms": spread, "cpu_ms": None, "ratio": spread if n else None}
        for n, sha in enumerate(hashes)
    ]
    rows = [
        {"kind": kind, "name": "x|y", "image_size": SIZE, "parameters": 9000, "macs": 900000,
         "precision": "fp32", "bytes": 1000, "figure": 0.25, "ms": 5.0, "ratio": 1.0, "note": "",
         "sha256": sha}
        for kind, sha in zip(("original", "pruned", "resolution"), (*hashes, None), strict=True)
    ]  # fmt: skip
    parity = {"relative_error": 1e-6, "tolerance": 1e-4, "passed": True, "images": 2, "real": True,
              "detections": 3, "matched": 1.0}  # fmt: skip
    about = {"data": "data.yaml", "split": "val", "image_size": SIZE}
    return {
        "accuracy": {"models": models, "images": [row], "task": "detect", **about},
        "latency": {"machine": {"device": "x"}, "timings": timings, "missing": []},
        "alternatives": {**about, "images": 2, "measure": "map50_95", "rows": rows, "threads": 1},
        "export": {"output": "m.onnx", "format": "onnx", "precision": "fp32", "image_size": SIZE,
                   "bytes": 1000, "model_bytes": 1000, "parameters": 9000, "parity": parity},
    }  # fmt: skip


def _jobs(world: World, folder: Path, jobs: Path) -> None:
    from core.runs.folder import EVENTS, JOB, create_job, read_job, write_job
    from core.runs.kinds import KINDS

    small, figures = world["pruned"], {"map50_95": 0.25, "map50": 0.5}
    settings = {"model": str(small), "data": str(world["data"]), "epochs": 1, "image_size": SIZE}
    world.files["settings"] = folder / "settings.json"
    world["settings"].write_text(json.dumps(settings))
    arguments = KINDS["finetune"].settings(settings).model_dump(mode="json")
    job = create_job("finetune", arguments, {"model": small}, folder=folder / "p.jobs" / "t")
    step = {"step": 1, "share": 0.8, "parameters": 8000, "macs": 800000, "before": figures,
            "after": figures, "accepted": True, "file": str(small)}  # fmt: skip
    result = {"output": str(folder / "tuned.pt"), "parameters": 8000, "epochs": 1, "seconds": 1.0,
              "before": figures, "after": figures, "final": figures, "steps": [step]}  # fmt: skip
    write_job(job, read_job(job).model_copy(update={"state": "done", "result": result}))
    losses = {"train/box_loss": 1.5}
    _write_lines(
        job / EVENTS,
        [
            {"event": "started", "epochs": 1, "parameters": 8000, "device": {"name": "CPU"}},
            {"event": "baseline", "metrics": figures},
            {"event": "batch", "epoch": 1, "epochs": 1, "batch": 1, "batches": 1, "losses": losses},
            {"event": "epoch", "epoch": 1, "epochs": 1, "losses": losses, "fitness": 0.2,
             "best": True, "metrics": {"metrics/mAP50-95(B)": 0.25}, "learning_rate": 0.01},
            {"event": "done", "result": result},
        ],
    )  # fmt: skip
    waiting = create_job("finetune", arguments, {"model": small}, parent=jobs)
    queue = {"version": 1, "waiting": [str(waiting)], "running": [], "held": True}
    world.files |= {"job": job / JOB, "events": job / EVENTS, "waiting": waiting / JOB}
    world.files["queue"] = jobs / "queue.json"
    world["queue"].write_text(json.dumps(queue))


def _journals(world: World, folder: Path) -> None:
    from core.system.files import sha256_of

    sha256 = sha256_of(world["model"])
    figures = {"map50_95": 0.25, "map50": 0.5, "macs": 800000, "parameters": 8000}
    base = {"scan": "k", "block": None, "ratio": None, **figures}
    world.files["scan"] = folder / "scan.jsonl"
    _write_lines(
        world["scan"],
        [
            {"secateur": "sensitivity", "version": 1},
            {"scan": "k", "settings": {"model": sha256, "images": 2, "image_size": SIZE}},
            base,
            {**base, "block": 2, "ratio": 0.5, "share": 0.9, "atoms": "aa"},
        ],
    )
    world.files["steps"] = folder / "s" / "steps.jsonl"
    (folder / "s").mkdir()
    proof = {"relative_error": 1e-7, "tolerance": 1e-5, "passed": True, "inputs": 2}
    step = {"run": "r", "model": sha256, "parent": 0, "item": 0, "step": 1, "layer": None,
            "entry": {"block": 2, "ratio": 0.5}, "block": 2, "ratio": 0.5, "scope": "all",
            **figures, "share": 0.9, "accepted": True, "note": "", "fallback_of": None,
            "checkpoint": "step-001.pt", "removed": "AAAA", "proof": proof}  # fmt: skip
    header = {"secateur": "steps", "version": 1}
    _write_lines(world["steps"], [header, {"run": "r", "baseline": figures, "settings": {}}, step])


def _cached(world: World) -> None:
    """Let the caches be written: tables, scores, a measured point, a list of images."""
    import numpy as np

    from core.choose.measured import MeasuredPoint, MeasuredStore
    from core.choose.score_cache import score_path, write_scores
    from core.cli.main import main
    from core.data.index import Index, Split, write_index
    from core.graph.cache import read_table
    from core.system.cache import cache_folder
    from core.system.files import sha256_of
    from core.trust.source import read_new
    from core.trust.store import add, store_file

    words = ["predict", world["model"], "--plan", world["plan"]]
    assert main([str(word) for word in words]) == 0
    (world.files["table"],) = [p for p in cache_folder("tables").glob("*.npz") if _is_of(p, world)]
    table, _ = read_table(world["table"])
    path = score_path(sha256_of(world["model"]), "l2", 0)
    assert path is not None
    world.files["scores"] = write_scores(path, np.zeros(table.atom_count))
    MeasuredStore({}).add(
        None, MeasuredPoint(0.5, 0.4, 0.6, 5.0, 4.0, 6.0, "map50_95", 2, SIZE, "onnx")
    )
    (world.files["point"],) = cache_folder("fronts").glob("*.json")
    split = Split(("a.png",), ("a.txt",), ((0,),))
    world.files["index"] = write_index(Index("data", "detect", {0: "a"}, {"val": split}, ()))
    own = world.root / "files" / "own.py"
    own.write_text("from torch import nn\n\n\nclass Own(nn.Identity):\n    pass\n")
    add(read_new(own, None))
    world.files["trusted"] = store_file()


def _is_of(path: Path, world: World) -> bool:
    from core.system.files import sha256_of

    return path.name.startswith(sha256_of(world["model"]))


def _write_lines(path: Path, records: list[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
