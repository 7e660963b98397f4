"""A plan with its model's hash makes the same network everywhere, and none of another file."""

from __future__ import annotations

import copy
import json

import pytest
import torch

import core
from core.checkpoint import save
from core.cli.main import main
from core.engine.tasks import find_task
from core.errors import UserError
from core.ship.replay import replay_plan, weights_sha256
from tests.core.networks import network


class Models:
    def get(self, path, expected=None):
        return core.load(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "net.pt"
    save(network("yolov8n"), path, train_args={"imgsz": 160})
    return path


@pytest.fixture(scope="module")
def plan(model):
    return core.Plan(
        selection=({"block": 4, "ratio": 0.5}, {"block": 12, "ratio": 0.3, "scope": "inside"}),
        locked=(2,),
        round_to=4,
        model_sha256=core.load(model).facts.sha256,
    )


def run(capsys, *arguments):
    code = main([*map(str, arguments), "--json"])
    return code, capsys.readouterr()


def test_the_same_network_from_all_three_sides(model, plan, tmp_path, capsys):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan.to_json()))
    python = core.prune(core.load(model), plan, tmp_path / "python.pt")
    code, said = run(capsys, "prune", model, "--plan", file, "-o", tmp_path / "command.pt")
    assert code == 0
    args = {"path": str(model), "plan": plan.to_json(), "output": str(tmp_path / "job.pt")}
    job = find_task("prune")(Models(), args, lambda *_: None)
    wanted = weights_sha256(python.model)
    assert json.loads(said.out)["weights_sha256"] == wanted == job["weights_sha256"]
    kept = []
    for name in ("python", "command", "job"):
        written = core.load(tmp_path / f"{name}.pt")
        assert weights_sha256(written.model) == wanted
        kept.append(written.facts.history[-1]["kept"])
    assert kept[0] == kept[1] == kept[2]


@pytest.mark.parametrize("way", ["python", "command", "job"])
def test_a_model_with_another_hash_is_refused(model, plan, tmp_path, capsys, way):
    other = copy.deepcopy(network("yolov8n"))
    with torch.no_grad():
        next(other.parameters()).add_(1e-3)
    path = tmp_path / "other.pt"
    save(other, path, train_args={"imgsz": 640})
    output = tmp_path / "out.pt"
    words = "The plan was made for another model file"
    if way == "command":
        file = tmp_path / "plan.json"
        file.write_text(json.dumps(plan.to_json()))
        code, said = run(capsys, "prune", path, "--plan", file, "-o", output)
        assert code == 1 and words in said.err
    elif way == "python":
        with pytest.raises(UserError, match=words):
            core.prune(core.load(path), plan, output)
    else:
        args = {"path": str(path), "plan": plan.to_json(), "output": str(output)}
        with pytest.raises(UserError, match=words):
            find_task("prune")(Models(), args, lambda *_: None)
    assert not output.exists()


def test_a_pruned_file_gives_the_plan_that_makes_it_again(model, plan, tmp_path, capsys):
    first = core.prune(core.load(model), plan, tmp_path / "first.pt")
    file = tmp_path / "again.json"
    code, said = run(capsys, "plan", model, tmp_path / "first.pt", "-o", file)
    assert code == 0
    assert json.loads(said.out)["weights_sha256"] == weights_sha256(first.model)
    again = core.read_plan(file)
    assert all(entry.channels for entry in again.selection)
    second = core.prune(core.load(model), again)
    assert weights_sha256(second.model) == weights_sha256(first.model)
    known = core.analyse(model)
    with pytest.raises(UserError, match="does not contain the plan that it was pruned with"):
        replay_plan(known.table, known.facts.sha256, known.facts)
    code, said = run(capsys, "plan", tmp_path / "first.pt", tmp_path / "first.pt", "-o", file)
    assert code == 1 and "was pruned from another file" in said.err


def test_the_hash_sees_every_weight_and_no_date(model, tmp_path):
    one = core.load(model).model
    save(one, tmp_path / "copy.pt", train_args={})
    assert weights_sha256(core.load(tmp_path / "copy.pt").model) == weights_sha256(one)
    for name, tensor in [*one.state_dict().items()][::40]:
        other = copy.deepcopy(one)
        other.state_dict()[name].view(-1)[-1] += 1
        assert weights_sha256(other) != weights_sha256(one), (name, tensor.dtype)
