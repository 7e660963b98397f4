"""One of each kind, added from outside: from a module that a test writes, used, and taken away."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import psutil
import pytest

import core
from core.choose.score_cache import score_path
from core.cli import commands
from core.cli.main import main
from core.engine import tasks
from core.engine.models import ModelStore
from core.engine.tasks.choosing import score_channels
from core.errors import UserError
from core.graph.modules import forget_module
from core.plan.criteria import CRITERIA, Criterion, by_images, title
from core.progress import silent
from core.runs.folder import create_job, limit_batch, list_jobs, read_job
from core.runs.kinds import KINDS
from core.runs.listing import entries, figures_of
from core.runs.queue import devices_of
from core.ship.export.formats import FORMATS
from core.ship.latency.runtimes import runtimes
from core.system.paths import jobs_folder
from tests.core.documents import ROOT
from tests.core.engine.line import Line
from tests.core.networks import table_of, untrained
from tests.core.outside import import_module, install, write_module

PEAK = """
import contextlib
import copy
import json
import os
import subprocess
import sys

import numpy as np


def peak(model, table, seed):
    scores = np.zeros(table.atom_count)
    for number, layer in enumerate(table.layers):
        if layer.mixes and layer.groups == 1 and layer.kind == "Conv2d":
            rows = model.get_submodule(layer.name).weight.detach().abs().amax((1, 2, 3)).numpy()
            atoms = table.outputs(number)
            np.maximum.at(scores, atoms[atoms >= 0], rows[atoms >= 0].astype(np.float64))
    return scores
"""
LEAST = "Channels whose largest weight is smallest go first"


# ---- a criterion -------------------------------------------------------------------------------


@pytest.fixture
def peak(tmp_path, monkeypatch):
    write_module(tmp_path, "peak_weight", PEAK)
    module = import_module(tmp_path, "peak_weight", monkeypatch)
    CRITERIA.register("peak", Criterion("Peak weight", LEAST, module.peak))
    yield module
    CRITERIA.remove("peak")


def test_a_criterion_ranks_and_prunes(peak) -> None:
    loaded, table = untrained("yolov8n"), table_of("yolov8n")
    plan = core.Plan(criterion="peak", selection=[{"block": 1, "ratio": 0.5}], round_to=1)
    done = core.prune(loaded, plan, cache=False)
    assert done.verification.passed
    change = next(c for c in done.prediction.layers if c.name == "model.1.conv")
    weights = loaded.model.model[1].conv.weight.detach().abs().amax((1, 2, 3)).numpy()
    assert sorted(change.kept_outputs) == sorted(np.argsort(weights, kind="stable")[16:].tolist())
    assert done.model.model[1].conv.out_channels == 16
    other = core.predict(loaded, plan.model_copy(update={"criterion": "l2"}), cache=False)
    kept = next(c.kept_outputs for c in other.layers if c.name == "model.1.conv")
    assert list(kept) != list(change.kept_outputs), "ranked by l2 other channels stay"
    assert table.atom_count == len(peak.peak(loaded.model, table, 0))


def test_a_criterion_has_its_words_and_no_namesake(peak) -> None:
    assert title("peak") == "Peak weight" and not by_images("peak")
    with pytest.raises(UserError, match="The criterion “peak” exists already"):
        CRITERIA.register("peak", CRITERIA["l2"])
    with pytest.raises(UserError, match="The criterion “l2” exists already"):
        CRITERIA.register("l2", CRITERIA["peak"])


def test_scores_of_a_criterion_are_kept_for_its_code_alone(peak, tmp_path, monkeypatch) -> None:
    before = score_path("0" * 64, "peak", 0)
    assert before == score_path("0" * 64, "peak", 0)
    assert before not in (score_path("0" * 64, "l2", 0), score_path("0" * 64, "peak", 1))
    write_module(tmp_path, "peak_weight", PEAK.replace("amax", "amin"))
    assert score_path("0" * 64, "peak", 0) == before, "what is loaded is still the code of before"
    again = import_module(tmp_path, "peak_weight", monkeypatch)
    CRITERIA.remove("peak")
    CRITERIA.register("peak", Criterion("Peak weight", LEAST, again.peak))
    assert score_path("0" * 64, "peak", 0) not in (None, before)
    made: dict = {"__name__": "typed_in"}
    exec("def typed(model, table, seed): ...", made)
    CRITERIA.register("typed", replace(CRITERIA["peak"], score=made["typed"]))
    try:
        assert score_path("0" * 64, "typed", 0) is None, "nobody knows which code made them"
    finally:
        CRITERIA.remove("typed")


def test_the_engine_ranks_anew_when_the_code_has_changed(
    peak, tmp_path, demo_copy, monkeypatch
) -> None:
    asked = {"path": str(demo_copy), "criterion": "peak"}
    first = np.load(score_channels(ModelStore(), asked, silent)["scores"])
    write_module(tmp_path, "peak_weight", PEAK.replace("amax", "sum").replace("maximum", "add"))
    CRITERIA.remove("peak")
    again = import_module(tmp_path, "peak_weight", monkeypatch)
    CRITERIA.register("peak", Criterion("Peak weight", LEAST, again.peak))
    second = np.load(score_channels(ModelStore(), asked, silent)["scores"])
    assert not np.array_equal(first, second)


def test_a_criterion_that_is_removed_is_unknown_again() -> None:
    with pytest.raises(UserError, match="There is no criterion “peak”"):
        core.predict(
            untrained("yolov8n"),
            core.Plan(criterion="peak", selection=[{"block": 1, "ratio": 0.5}]),
            cache=False,
        )


def test_scores_of_another_shape_are_refused() -> None:
    CRITERIA.register("short", Criterion("Short", "None", lambda model, table, seed: [1.0]))
    try:
        with pytest.raises(UserError, match=r"“short” gave scores of shape \(1,\)"):
            core.predict(
                untrained("yolov8n"),
                core.Plan(criterion="short", selection=[{"block": 1, "ratio": 0.5}]),
                cache=False,
            )
    finally:
        CRITERIA.remove("short")


@pytest.fixture
def demo_copy(tmp_path):
    path = tmp_path / "network.pt"
    path.write_bytes((files("resources") / "demo" / "demo.pt").read_bytes())
    return path


# ---- a command and an engine task --------------------------------------------------------------

WIDEST = """
def add_parsers(add):
    widest = add("widest", "Name the layers with most outputs.")
    widest.add_argument("--count", type=int, default=1)


def _widest(options):
    from core.pipeline import analyse

    table = analyse(options.model, cache=False).table
    order = sorted(range(len(table.layers)), key=lambda n: -table.out_counts[n])
    names = [table.layers[n].name for n in order[: options.count]]
    return {"layers": names}, "\\n".join(names)


def count_layers(models, args, progress):
    progress(0.5, "Counting")
    loaded = models.get(args["path"])
    return {"layers": len(list(loaded.model.modules()))}


COMMANDS = {"widest": _widest}
TASKS = {"count_layers": count_layers}
"""


def test_a_command_runs_and_is_listed(tmp_path, monkeypatch, capsys, demo_copy) -> None:
    write_module(tmp_path, "widest_layers", WIDEST)
    module = import_module(tmp_path, "widest_layers", monkeypatch)
    commands.GROUPS.register("widest", module)
    try:
        assert "widest" in commands.command_names()
        assert main(["widest", str(demo_copy), "--count", "2", "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["layers"]) == 2
        with pytest.raises(SystemExit):
            main(["--help"])
        assert "Name the layers with most outputs." in capsys.readouterr().out
        monkeypatch.setattr(module, "COMMANDS", {"prune": module._widest})
        with pytest.raises(UserError, match="The command “prune” exists already"):
            commands.GROUPS.register("another", module)
    finally:
        commands.GROUPS.remove("widest")
    with pytest.raises(SystemExit):
        main(["widest", str(demo_copy)])


def test_own_groups_offer_every_name_once() -> None:
    for groups, member in ((commands.GROUPS, "COMMANDS"), (tasks.GROUPS, "TASKS")):
        assert sum(len(getattr(m, member)) for m in groups.values()) == len(groups.offered())


def test_a_task_is_registered_and_removed(tmp_path, monkeypatch, demo_copy) -> None:
    write_module(tmp_path, "widest_layers", WIDEST)
    module = import_module(tmp_path, "widest_layers", monkeypatch)
    tasks.GROUPS.register("count", module)
    try:
        done = tasks.find_task("count_layers")(ModelStore(), {"path": str(demo_copy)}, silent)
        assert done["layers"] > 100
        with pytest.raises(UserError, match="The engine task “count_layers” exists already"):
            tasks.GROUPS.register("again", module)
    finally:
        tasks.GROUPS.remove("count")
    with pytest.raises(UserError, match="There is no engine task “count_layers”"):
        tasks.find_task("count_layers")


# ---- an export format --------------------------------------------------------------------------

PICKLED = """
import copy

import torch

from core.graph.drive import image_channels
from core.graph.tensors import tensors_in
from core.ship.export.formats import Format
from core.ship.latency.runtime import Runtime


def make(model, folder, *, image_size, **options):
    path = folder / "network.pickled"
    torch.save(model, path)
    return path


def run(path):
    model = torch.load(path, weights_only=False)
    return lambda image: tensors_in(model(image)[0])


def weights(path):
    return sum(p.numel() for p in torch.load(path, weights_only=False).parameters())


def prepare(model, settings, folder):
    path = make(copy.deepcopy(model), folder, image_size=settings.image_size)
    shape = (settings.batch, image_channels(model), *settings.image_size)
    image, call = torch.rand(*shape), run(path)
    return lambda: call(image)


RUNTIME = Runtime("pickled", "Pickle", ("torch",), "", False, prepare)
ROW = Format(
    "pickled", "Pickle", ".pickled", {"torch": "torch"},
    make=make, run=run, weights=weights, runtime=RUNTIME,
)
"""


@pytest.fixture
def pickled(tmp_path, monkeypatch):
    write_module(tmp_path, "pickled_format", PICKLED)
    module = import_module(tmp_path, "pickled_format", monkeypatch)
    FORMATS.register("pickled", module.ROW)
    monkeypatch.chdir(tmp_path)
    yield module
    FORMATS.remove("pickled")


def test_a_format_exports_and_is_listed(pickled, capsys, demo_copy) -> None:
    words = ["export", str(demo_copy), "--format", "pickled", "--image-size", "64", "--json"]
    assert main([*words, "-o", "out.pickled"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["parity"]["passed"] and done["parity"]["images"] == 4
    assert done["exported_parameters"] == done["parameters"]
    assert Path("out.pickled").stat().st_size == done["bytes"]
    assert main(["formats"]) == 0
    assert "Pickle, FP32: ready" in capsys.readouterr().out
    listed = tasks.find_task("formats")(ModelStore(), {}, silent)["formats"]
    assert listed[-1]["name"] == "pickled" and listed[-1]["missing"] is None
    assert main([*words, "-o", "out.pickled", "--half"]) == 1
    assert "Pickle does not support FP16. Available precisions: FP32." in capsys.readouterr().err


def test_a_format_with_a_runtime_is_timed(pickled, capsys, demo_copy) -> None:
    listed = tasks.find_task("runtimes")(ModelStore(), {}, silent)["runtimes"]
    assert {"name": "pickled", "title": "Pickle", "missing": None} in listed
    words = ["latency", str(demo_copy), "--runtime", "pickled", "--image-size", "64"]
    assert main([*words, "--repeats", "2", "--json"]) == 0
    (timing,) = json.loads(capsys.readouterr().out)["timings"]
    assert timing["runtime"] == "pickled" and timing["ms"]["median"] > 0


def test_a_format_that_cannot_be_run_is_not_compared(pickled, capsys, demo_copy) -> None:
    FORMATS.remove("pickled")
    FORMATS.register("pickled", replace(pickled.ROW, run=None, runtime=None, weights=None))
    words = ["export", str(demo_copy), "--format", "pickled", "--image-size", "64"]
    assert main([*words, "-o", "out.pickled", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["parity"] is None and done["exported_parameters"] is None
    assert "pickled" not in runtimes()


def test_a_format_that_changes_the_network_does_not_pass(pickled, capsys, demo_copy) -> None:
    def changed(model, folder, **options):
        model.model[3].conv.weight.data *= 1.1
        return pickled.make(model, folder, **options)

    def failing(model, folder, **options):
        raise ValueError("no room")

    words = ["export", str(demo_copy), "--format", "pickled", "--image-size", "64"]
    for make, code in ((changed, 1), (failing, 1)):
        FORMATS.remove("pickled")
        FORMATS.register("pickled", replace(pickled.ROW, make=make))
        assert main([*words, "-o", "out.pickled"]) == code
    said = capsys.readouterr()
    assert "DIFFERS from the checkpoint" in said.out
    assert "The exporter of Pickle could not export the network to pickled: no room." in said.err


def test_a_format_that_is_removed_is_unknown_again(capsys, demo_copy) -> None:
    assert main(["export", str(demo_copy), "--format", "pickled", "-o", "out.pickled"]) == 1
    assert "There is no export format “pickled”" in capsys.readouterr().err


# ---- a long job --------------------------------------------------------------------------------

HASH = """
import hashlib
from pathlib import Path

from pydantic import BaseModel

from core.runs.kinds import JobKind


class Settings(BaseModel):
    model: str
    rounds: int = 2
    device: str = "cpu"


def run(arguments, folder, emit, check):
    digest = b""
    for number in range(arguments["rounds"]):
        check()
        text = f"Round {number + 1}"
        emit({"event": "progress", "fraction": number / arguments["rounds"], "text": text})
        digest = hashlib.sha256(digest + Path(arguments["model"]).read_bytes()).digest()
    (folder / "digest").write_text(digest.hex())
    return {"output": str(folder / "digest"), "before": {"map50_95": 0.5}, "after": {"map50_95": 1}}


KIND = JobKind(
    noun="hashing",
    title="Hash a file",
    tip="Over and over",
    parse=Settings.model_validate,
    run=run,
    ending="hash",
    how=lambda arguments: f"{arguments['rounds']} rounds",
)
"""


@pytest.fixture
def hashing(tmp_path, monkeypatch, demo_copy):
    write_module(tmp_path, "hash_job", HASH)
    KINDS.register("hash", import_module(tmp_path, "hash_job", monkeypatch).KIND)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.json").write_text(json.dumps({"model": demo_copy.name, "rounds": 3}))
    yield tmp_path / "settings.json"
    KINDS.remove("hash")


def test_a_job_of_a_new_kind_runs_and_is_listed(hashing, capsys, demo_copy) -> None:
    assert main(["jobs", "new", "hash", hashing.name, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert Path(result["output"]).read_text()
    job = read_job(result["folder"])
    assert (job.kind, job.state) == ("hash", "done")
    assert job.arguments["model"] == str(demo_copy), "it goes on wherever that is asked for"
    assert list(job.hashes) == ["model"]
    (entry,) = entries([jobs_folder()])
    assert (entry.noun, entry.how, entry.title) == ("hashing", "3 rounds", demo_copy.name)
    assert figures_of(entry) == "mAP50-95 0.5000 → 1.0000"
    assert devices_of(job) == {"cpu"}
    assert main(["jobs"]) == 0
    assert demo_copy.name in capsys.readouterr().out
    assert main(["jobs", "show", result["folder"]]) == 0
    assert "Round 3" in capsys.readouterr().out


def test_a_job_that_cannot_be_set_up_is_refused(hashing, capsys) -> None:
    hashing.write_text(json.dumps({"rounds": "many"}))
    for words, reason in (
        (["hash", hashing.name], "The hashing cannot be set up: model: Field required."),
        (["hash", "nowhere.json"], "Could not read nowhere.json"),
        (["dance", hashing.name], "There is no kind of job “dance”"),
        (["hash"], "A kind and a file are needed."),
    ):
        assert main(["jobs", "new", *words]) == 1
        assert reason in capsys.readouterr().err
    assert not list_jobs(jobs_folder())


def test_a_job_of_an_installed_kind_is_a_process(hashing, installed, capsys) -> None:
    assert main(["jobs", "new", "hash", hashing.name, "--detach", "--json"]) == 0
    started = json.loads(capsys.readouterr().out)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(started["pid"]).wait(60)
    (entry,) = entries([jobs_folder()])
    assert (entry.state, entry.noun) == ("done", "hashing")
    assert Path(entry.output).read_text()


def test_a_job_of_a_kind_that_is_gone_is_listed_and_does_not_run(hashing, capsys, monkeypatch):
    folder = create_job("hash", {"model": "gone.pt"}, {}, folder="job")
    known = KINDS["hash"]
    KINDS.remove("hash")
    try:
        (entry,) = entries([folder])
        assert (entry.noun, entry.how, figures_of(entry)) == ("job", "", "")
        assert main(["jobs", "resume", str(folder)]) == 1
        assert "does not support jobs of the kind “hash”" in capsys.readouterr().err
    finally:
        KINDS.register("hash", known)
    with pytest.raises(UserError, match="trains nothing"):
        limit_batch(folder, 1)


# ---- a network module that cannot be traced ----------------------------------------------------

SINE = """
import numpy as np
import torch
from torch import nn

from core.graph.modules import ModuleRule, StoredWidth


class Sine(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.phase = nn.Parameter(torch.linspace(0, 3, channels))

    def forward(self, x):
        assert x.shape[1] == self.channels
        phase = self.phase.detach().view(1, -1, 1, 1).numpy()
        return torch.from_numpy(np.sin(x.detach().numpy() + phase))


def carries(module, x):
    return x + module.phase.view(1, -1, 1, 1)


RULE = ModuleRule(carries, (StoredWidth("channels", ""),))
"""


def test_a_module_that_cannot_be_traced_is_pruned_and_proven(tmp_path, monkeypatch) -> None:
    write_module(tmp_path, "sine_module", SINE)
    module = import_module(tmp_path, "sine_module", monkeypatch)
    loaded = untrained("yolov8n")
    model = copy.deepcopy(loaded.model)
    model.model[5].act = module.Sine(128)
    loaded = replace(loaded, model=model)
    plan = core.Plan(selection=[{"block": 5, "ratio": 0.5}], round_to=1)
    with pytest.raises(UserError, match=r"model\.5\.act \(Sine\) takes values out of PyTorch"):
        core.prune(loaded, plan, cache=False)
    core.register_module(module.Sine, module.carries, stores=module.RULE.stores)
    try:
        predicted = core.predict(loaded, plan, cache=False)
        changed = {change.name: change.outputs_after for change in predicted.layers}
        assert changed["model.5.act.phase"] == changed["model.5.conv"] == 64
        done = core.prune(loaded, plan, cache=False)
        assert done.verification.passed
        act = done.model.model[5].act
        assert (act.channels, act.phase.numel()) == (64, 64)
        assert sum(p.numel() for p in done.model.parameters()) == predicted.after.parameters
    finally:
        forget_module(module.Sine)
    with pytest.raises(UserError, match="cannot lose channels"):
        core.prune(loaded, plan, cache=False)


def test_an_installed_rule_is_there_in_every_process(installed) -> None:
    code = "from core.graph.modules import MODULES; print(list(MODULES)[-1], MODULES.is_own('x'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["sine_module.Sine", "False"]


# ---- installed packages ------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package that adds one of each, seen by every process that is started."""
    place = tmp_path / "site"
    place.mkdir()
    row = 'from core.plan.criteria import Criterion\nROW = Criterion("Peak", "Least", peak)\n'
    write_module(place, "peak_weight", PEAK + row)
    write_module(place, "widest_layers", WIDEST)
    write_module(place, "hash_job", HASH)
    write_module(place, "sine_module", SINE)
    write_module(place, "pickled_format", PICKLED)
    points = {
        "secateur.criteria": {"peak": "peak_weight:ROW"},
        "secateur.commands": {"widest": "widest_layers"},
        "secateur.tasks": {"count": "widest_layers"},
        "secateur.jobs": {"hash": "hash_job:KIND"},
        "secateur.modules": {"sine_module.Sine": "sine_module:RULE"},
        "secateur.formats": {"pickled": "pickled_format:ROW"},
    }
    install(place, "more-of-each", points)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), str(ROOT)]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return place


def test_the_engine_takes_what_is_installed(installed, demo_copy) -> None:
    line = Line()
    try:
        line.send(id=1, task="count_layers", args={"path": str(demo_copy)})
        *told, ended = line.end_of(1)
        assert [event.get("text") for event in told] == ["Starting", "Counting"]
        assert ended["result"]["layers"] > 100
        line.send(id=2, task="scores", args={"path": str(demo_copy), "criterion": "peak"})
        result = line.end_of(2)[-1]["result"]
        assert result["criterion"] == "peak"
        assert len(np.load(result["scores"])) > 100
        line.send(id=3, task="formats")
        assert line.end_of(3)[-1]["result"]["formats"][-1]["name"] == "pickled"
    finally:
        line.close()


def test_the_program_takes_a_command_that_is_installed(installed) -> None:
    words = [sys.executable, "-m", "app", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=installed)
    assert "Name the layers with most outputs." in done.stdout
    words[-1] = "widst"
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=installed)
    assert done.returncode == 2
    assert "Did you mean “widest”?" in done.stderr
