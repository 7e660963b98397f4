"""The steps of the demo: each does its part by the functions that the commands use."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.demo import place as places
from core.demo.place import is_ready, set_up
from core.demo.walk import MODELS, Walk
from core.errors import CancelledError, UserError
from core.plan.schema import Target
from core.progress import Progress
from core.system.files import write_json
from core.system.size import ImageSize
from resources import scenes

if TYPE_CHECKING:
    from core.project import Project


def _open(walk: Walk, progress: Progress) -> str:
    from core.pipeline import analyse, load

    progress(0.0, "Opening the network")
    loaded = walk.models["original"] = load(walk.place.model)
    table = analyse(loaded).table
    total = sum(block.parameters for block in table.blocks)
    return f"{loaded.facts.family}, {len(table.blocks)} blocks, {total:,} parameters"


def _suggest(walk: Walk, progress: Progress) -> str:
    from core.pipeline import suggest

    plan = places.first_project(walk.place).plan
    plan = plan.model_copy(update={"target": Target(macs=walk.settings.target)})
    data = walk.data("train", walk.settings.images)
    found = suggest(walk.models["original"], plan, data, progress)
    walk.plan = found.plan
    write_json(walk.place.folder / "plan.json", found.plan.to_json())
    walk.news["plan"] = found.plan.to_json()
    gone = 1 - found.after.macs / found.before.macs
    return f"by {found.plan.criterion}, removing {gone:.1%} of the GFLOPs"


def _prune(walk: Walk, progress: Progress) -> str:
    from core.history.remember import remember_pruned
    from core.pipeline import load, prune
    from core.repair import RepairSettings

    repair = RepairSettings(("refit", "bn"), walk.settings.repair_minutes, seed=places.SEED)
    assert walk.plan is not None
    data = walk.data("train", walk.settings.repair_images)
    done = prune(
        walk.models["original"],
        walk.plan,
        walk.place.pruned,
        data=data,
        repair=repair,
        progress=progress,
    )
    walk.pruned, walk.models["pruned"] = done, load(walk.place.pruned)
    kept = [step.step for step in done.repaired.steps if step.kept] if done.repaired else []
    remember_pruned(walk.history, walk.place.model, done.to_json())
    mended = f"repaired by {', '.join(kept)}" if kept else "repair did not help and was not kept"
    return f"{done.prediction.after.parameters:,} parameters remain; {mended}"


def _verify(walk: Walk, progress: Progress) -> str:
    from core.pipeline import verify

    progress(0.0, "Comparing with the masked original")
    proof = verify(walk.models["original"], walk.models["pruned"])
    if not proof.passed:
        raise RuntimeError(f"the pruned file differs from its plan ({proof.relative_error:.1e})")
    return f"equals the masked original before repair (relative error {proof.relative_error:.1e})"


def _finetune(walk: Walk, progress: Progress) -> str:
    from core.pipeline import load
    from core.runs.folder import create_job
    from core.runs.run import run_job
    from core.tune.settings import Settings

    place = walk.place
    settings = Settings(
        model=str(place.pruned),
        data=str(place.data),
        teacher=str(place.model),
        preset="recover_fully",
        epochs=walk.settings.epochs,
        image_size=ImageSize.of(places.IMAGE_SIZE),
        output=str(place.tuned),
        history=str(walk.history),
        seed=places.SEED,
        options={"workers": 0},  # starting helpers takes longer than reading such small images
    )
    inputs = {"model": settings.model, "teacher": settings.teacher, "data": settings.data}
    arguments = settings.model_dump(mode="json")
    job = create_job("finetune", arguments, inputs, place.jobs)
    event = run_job(job, lambda told: _told(told, progress))
    if event["event"] == "cancelled":
        raise CancelledError
    if event["event"] == "failed":
        if event.get("bug"):
            raise RuntimeError(event["message"])
        raise UserError(event["message"], event["hint"])
    walk.tuning, walk.job = event["result"], job
    walk.models["tuned"] = load(place.tuned)
    before, after = (walk.tuning[key]["map50_95"] for key in ("before", "after"))
    return f"mAP50-95 {before:.3f} → {after:.3f} in {walk.tuning['epochs']} epochs"


def _told(event: Mapping[str, Any], progress: Progress) -> None:
    """Turn what a training tells into progress; the progress may cancel it."""
    if event["event"] not in ("batch", "epoch"):
        return
    part = event["batch"] / event["batches"] if event["event"] == "batch" else 1.0
    share = (event["epoch"] - 1 + part) / event["epochs"]
    progress(min(share, 0.99), f"Epoch {event['epoch']} of {event['epochs']}")


def _compare(walk: Walk, progress: Progress) -> str:
    from core.compare.files import compare_files
    from core.demo.pictures import draw_comparison
    from core.history.remember import remember_compared
    from core.report.images import choose

    walk.compared = compare_files(walk.paths, walk.data("val"), shown=10**6, progress=progress)
    progress(1.0, "Drawing detections")
    few = {**walk.compared, "images": [dict(row) for row in choose(walk.compared["images"], 12)]}
    remember_compared(walk.history, few, str(walk.place.data), places.IMAGE_SIZE)
    picture = walk.place.folder / "pictures" / "compared.png"
    draw_comparison(walk.compared, picture)
    walk.news["comparison"] = few
    walk.pictures.append(picture)
    figures = [model["figures"]["map50_95"] for model in walk.compared["models"]]
    return "mAP50-95 " + " → ".join(f"{value:.3f}" for value in figures)


def _latency(walk: Walk, progress: Progress) -> str:
    from core.ship.latency.measure import measure
    from core.ship.latency.runtimes import runtime_of

    runtime = "onnx"
    try:
        runtime_of(runtime)
    except UserError as error:
        walk.missing.append({"runtime": runtime, "message": str(error)})
        runtime = "torch"
    measured = measure(
        {walk.models[name].facts.sha256: walk.models[name].model for name in MODELS},
        runtimes=(runtime,),
        image_size=ImageSize.of(places.IMAGE_SIZE),
        threads=1,  # what else runs disturbs one thread least
        repeats=walk.settings.repeats,
        device="cpu",
        progress=progress,
    )
    walk.latency = measured.to_json()
    walk.keep("latency", walk.latency)
    times = [timing["cpu_ms"]["median"] for timing in walk.latency["timings"]]
    return f"{runtime}: " + " → ".join(f"{value:.1f} ms" for value in times)


def _export(walk: Walk, progress: Progress) -> str:
    from core.ship.export.formats import FORMATS
    from core.ship.export.run import ExportSettings, export

    missing = FORMATS["onnx"].missing()
    if missing is not None:
        walk.missing.append({"runtime": "export to ONNX", "message": str(missing)})
        return f"skipped: {missing}"
    settings = ExportSettings(
        form="onnx",
        image_size=ImageSize.of(places.IMAGE_SIZE),
        data=walk.data("val", 4),
        device="cpu",
    )
    output = walk.place.folder / "tuned.onnx"
    walk.export = export(walk.models["tuned"], output, settings, progress).to_json()
    walk.keep("export", walk.export, ("original", "tuned"))
    parity = walk.export["parity"]
    if parity is not None and parity["passed"] is False:
        raise RuntimeError("the exported network differs from the checkpoint")
    said = "" if parity is None else f", relative error {parity['relative_error']:.1e}"
    return f"{output.name}, {walk.export['bytes'] / 1e6:.1f} MB{said}"


def _report(walk: Walk, progress: Progress) -> str:
    from core.project import write_project
    from core.report import ReportSettings, write_report

    write_project(walk.place.project, _last_project(walk))
    walk.report = walk.place.folder / "report.html"
    jobs = (walk.place.jobs,)
    write_report(walk.place.project, walk.report, ReportSettings(jobs=jobs), progress)
    return walk.report.name


def _last_project(walk: Walk) -> Project:
    """Return the project with the results, as the history tells it."""
    from core.history.nodes import find_by_file
    from core.history.results import result_of, tuned_of
    from core.project import with_places, with_references

    place = walk.place
    made = [find_by_file(walk.history, path) for path in (place.pruned, place.tuned)]
    pruned, tuned = (node for node in made if node is not None)
    update = {"plan": walk.plan, "results": (result_of(pruned),), "tuned": (tuned_of(tuned),)}
    first = with_places(places.first_project(place), place.project)
    return with_references(first.model_copy(update=update), place.project)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the demo: its name, its title, its share of the time, and what it does."""

    name: str
    title: str
    share: float
    act: Callable[[Walk, Progress], str]


def _draw(walk: Walk, progress: Progress) -> str:
    from core.history.measurements import old_stores
    from core.history.nodes import MEASURED

    settings, place = walk.settings, walk.place
    if is_ready(place.folder):  # figures and trainings of an earlier demo are not of this one
        for file in old_stores(place.project, None):
            file.unlink(missing_ok=True)
        shutil.rmtree(walk.history / MEASURED, ignore_errors=True)
        shutil.rmtree(place.jobs, ignore_errors=True)
    set_up(walk.place.folder, train=settings.train, val=settings.val, progress=progress)
    return f"{settings.train} + {settings.val} scenes, classes {', '.join(scenes.CLASSES)}"


STEPS: tuple[Step, ...] = (
    Step("data", "Draw the dataset", 0.06, _draw),
    Step("open", "Open the network", 0.02, _open),
    Step("suggest", "Suggest what to remove", 0.17, _suggest),
    Step("prune", "Prune and repair", 0.15, _prune),
    Step("verify", "Verify", 0.02, _verify),
    Step("finetune", "Fine-tune", 0.36, _finetune),
    Step("compare", "Compare", 0.08, _compare),
    Step("latency", "Measure latency", 0.08, _latency),
    Step("export", "Export", 0.04, _export),
    Step("report", "Report", 0.02, _report),
)
"""In order; the shares add up to one."""
