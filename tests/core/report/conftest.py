"""A project with a pruned file, images, and a fine-tuning that was done."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace as replaced

import pytest

import core
from core.checkpoint import save
from core.project import DataSetting, ModelReference, Project, Result, write_project
from core.runs.folder import EVENTS, create_job, read_job, write_job
from core.system.files import sha256_of
from tests.core.images import make_dataset
from tests.core.networks import network

SIZE = 96


def result_of(done, output, plan, date="2026-01-01T10:00:00+00:00"):
    before, after = done.prediction.before, done.prediction.after
    return Result(
        output=output,
        date=date,
        parameters_before=before.parameters,
        parameters_after=after.parameters,
        macs_before=before.macs,
        macs_after=after.macs,
        relative_error=done.verification.relative_error,
        plan=plan.to_json(),
    )


def tell(folder, *events):
    with (folder / EVENTS).open("a", encoding="utf-8") as stream:
        stream.writelines(json.dumps(event) + "\n" for event in events)


def add_tuning(folder, model, output):
    """Write the folder of a fine-tuning that is done."""
    job = create_job("finetune", {"model": str(model), "preset": "p"}, {"model": model}, folder)
    metrics = {"metrics/mAP50-95(B)": 0.25, "metrics/mAP50(B)": 0.5}
    tell(job, {"event": "baseline", "metrics": {"map50_95": 0.125}})
    for epoch in (1, 2):
        told = {"epoch": epoch, "epochs": 2, "losses": {"train/box_loss": 3.0 / epoch}}
        tell(job, {"event": "epoch", **told, "metrics": metrics, "learning_rate": 0.01 / epoch})
    result = {
        "output": str(output),
        "parameters": 1234,
        "epochs": 2,
        "seconds": 100.0,
        "before": {"map50_95": 0.125},
        "after": {"map50_95": 0.25},
        "final": {"map50_95": 0.2},
    }
    write_job(job, read_job(job).model_copy(update={"state": "done", "result": result}))
    return job


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Files of a project; copied for every test that changes them."""
    folder = tmp_path_factory.mktemp("made")
    save(network("yolov8n"), folder / "a<b>.pt", train_args={"imgsz": 640})
    plan = core.Plan(selection=({"block": 5, "ratio": 0.5},), locked=(2,))
    loaded = core.load(folder / "a<b>.pt")
    done = core.prune(loaded, plan, folder / "small.pt")
    make_dataset(folder / "data", loaded.facts.classes, images=4)
    reference = ModelReference(path="a<b>.pt", sha256=loaded.facts.sha256, family="yolov8n")
    project = Project(
        model=reference,
        plan=plan,
        results=(result_of(done, "small.pt", plan),),
        data=DataSetting(path="data/data.yaml", image_size=SIZE),
    )
    write_project(folder / "p.secateur", project)
    return folder


@pytest.fixture(scope="session")
def project(made):
    return made / "p.secateur"


@pytest.fixture
def own(made, tmp_path):
    """The same, to be changed."""
    folder = tmp_path / "own"
    shutil.copytree(made, folder)
    return folder / "p.secateur"


@pytest.fixture
def tuned(own):
    """The same with a tuned file, told apart from the pruned one by its weights."""
    small = own.parent / "small.pt"
    loaded = core.load(small)
    record = {"kind": "finetune", "version": 1}
    facts = replaced(loaded.facts, history=(*loaded.facts.history, record))
    save(loaded.model, own.parent / "tuned.pt", train_args={}, history=list(facts.history))
    assert sha256_of(own.parent / "tuned.pt") != sha256_of(small)
    add_tuning(own.with_suffix(".jobs"), small, own.parent / "tuned.pt")
    return own
