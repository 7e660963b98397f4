"""A history with quantised steps: comparisons and reports show their files and figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import core
from core.checkpoint import save
from core.cli.main import main
from core.history.nodes import find_by_file, read_nodes
from core.history.results import adopt, steps_of
from core.project import DataSetting, ModelReference, Project, Result, Tuned, write_project
from core.ship.exported.metadata import hash_of_network
from core.system.files import sha256_of
from core.system.paths import history_of
from tests.core.images import make_dataset
from tests.core.networks import enliven
from tests.core.ship.export.conftest import needs
from tests.fuzz.world import NETWORK, SIZE

FILES = {"onnx": "tuned_int8.onnx", "openvino": "tuned_int8_openvino_model"}


def run(*words, capsys):
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project whose network was pruned, tuned and quantised in both formats."""
    for form in FILES:
        needs(form)
        if form == "openvino":
            pytest.importorskip("nncf")
    folder = tmp_path_factory.mktemp("steps")
    model, small, tuned = (folder / f"{name}.pt" for name in ("m", "small", "tuned"))
    (folder / "net.yaml").write_text(NETWORK)
    save(enliven(core.load(folder / "net.yaml").model), model, train_args={"imgsz": SIZE})
    loaded = core.load(model)
    plan = core.Plan(selection=({"block": 2, "ratio": 0.5},))
    core.prune(loaded, plan, small)
    shutil.copy(small, tuned)  # it need not be trained to be a step
    data = make_dataset(folder / "data", loaded.facts.classes, images=4, side=SIZE)
    counts = {"parameters_before": 9000, "parameters_after": 8000}
    costs = {"macs_before": 900000, "macs_after": 800000}
    about = {"date": "2026-01-01T10:00:00+00:00", "relative_error": 1e-7, "plan": plan.to_json()}
    project = Project(
        model=ModelReference(path="m.pt", sha256=sha256_of(model), family="net"),
        plan=plan.to_json(),
        results=(Result(output="small.pt", **about, **counts, **costs),),
        tuned=(Tuned(output="tuned.pt", date=about["date"], source="small.pt", job="p.jobs/t"),),
        data=DataSetting(path="data/data.yaml", image_size=SIZE),
    )
    write_project(folder / "p.secateur", project)
    history = history_of(folder / "p.secateur")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        adopt(history, steps_of(project), model)
        for form, name in FILES.items():
            words = ["quantize", tuned, "--data", data, "--format", form, "-o", folder / name]
            more = ["--history", history, "--images", "4", "--keep", "none", "--turns", "1"]
            assert main([*map(str, [*words, *more])]) == 0
    return folder, history, data


def test_a_quantised_step_is_found_by_its_file_be_it_a_folder(made):
    folder, history, _ = made
    steps = {node.file: node for node in read_nodes(history) if node.kind == "quantize"}
    assert sorted(steps) == sorted(str(folder / name) for name in FILES.values())
    for name in FILES.values():
        file = folder / name
        assert steps[str(file)].sha256 == hash_of_network(file)
        assert find_by_file(history, file) == steps[str(file)]


def test_a_comparison_shows_file_bytes_and_figures_of_every_step(made, capsys):
    folder, history, data = made
    files = [folder / name for name in ("m.pt", "small.pt", "tuned.pt", *FILES.values())]
    more = [
        "--data",
        data,
        "--device",
        "cpu",
        "--image-size",
        SIZE,
        "--turns",
        "2",
        "--history",
        history,
    ]
    found = run("compare", *files, *more, capsys=capsys)
    assert not found.get("history_failed")
    models = {Path(one["path"]).name: one for one in found["models"]}
    assert list(models) == [file.name for file in files]
    for name, one in models.items():
        assert one["bytes"] == sum(
            f.stat().st_size for f in [folder / name, *(folder / name).rglob("*")] if f.is_file()
        )
        assert one["milliseconds"] > 0 and one["speed"]["median"] == one["milliseconds"]
        assert {"map50_95", "map50"} <= set(one["figures"])
    steps = {node.file: node for node in read_nodes(history) if node.kind == "quantize"}
    for name in FILES.values():  # the same images, letterboxed alike
        own = steps[str(folder / name)]
        assert models[name]["bytes"] == own.figures["bytes"] < models["m.pt"]["bytes"]
        assert models[name]["figures"]["map50_95"] == pytest.approx(own.figures["map50_95"])
        assert models[name]["parameters"] is None
    assert main(["history", str(history)]) == 0
    text = capsys.readouterr().out
    assert all(f"Quantised: {name}" in text for name in FILES.values())


def test_the_table_of_a_comparison_has_the_size_of_every_file(made, capsys):
    folder, _, data = made
    names = ["small.pt", FILES["onnx"]]
    more = ["--data", data, "--device", "cpu", "--image-size", SIZE, "--turns", "1"]
    assert main(["compare", *(str(folder / n) for n in names), *map(str, more)]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "MB", "parameters", "GFLOPs", "map50", "map50_95", "precision", "recall", "ms/image",
    ]  # fmt: skip
    for name, row in zip(names, rows, strict=False):
        own, size, parameters = row.split()[:3]
        assert own == name
        assert size == f"{(folder / name).stat().st_size / 1e6:.1f}"
        assert (parameters == "–") == name.endswith(".onnx")


@pytest.mark.parametrize("kind", ["json", "html", "md"])
def test_a_report_shows_the_quantised_files(made, capsys, kind):
    folder, history, _ = made
    output = folder / f"r.{kind}"
    assert main(["report", str(folder / "p.secateur"), "-o", str(output)]) == 0
    text = output.read_text("utf-8")
    steps = {Path(n.file).name: n for n in read_nodes(history) if n.kind == "quantize"}
    assert all(name in text for name in FILES.values())
    if kind != "json":
        assert all(f"{n.figures['milliseconds']:.2f}" in text for n in steps.values())
        return
    exports = {one["name"]: one for one in json.loads(text)["exports"]}
    assert set(exports) == set(FILES.values())
    for name, one in exports.items():
        assert one["model"] == "tuned.pt" and one["precision"] == "int8"
        own = steps[name].figures
        found = (one["bytes"], one["ms"], one["figure"])
        assert found == (own["bytes"], own["milliseconds"], own[one["measure"]])
