"""Ranking in rounds to a target, from Python and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.cli.main import main
from core.data.stream import DataSettings
from core.errors import CancelledError, UserError
from core.pipeline import analyse, load, predict, prune, resolve
from core.plan.resolve import Resolver
from core.plan.schema import Plan, Target
from core.plan.widths import compute_widths
from core.pruning.rank import rank_to_target
from tests.core.images import make_dataset
from tests.core.networks import network, table_of


@pytest.fixture(scope="module")
def loaded():
    return load("yolov8n.yaml")


@pytest.fixture(scope="module")
def data(loaded, tmp_path_factory) -> DataSettings:
    path = make_dataset(tmp_path_factory.mktemp("rank") / "data", loaded.facts.classes)
    return DataSettings(path, images=2, image_size=64, device="cpu")


def plan(**options) -> Plan:
    options = {"criterion": "fisher", "round_to": 1, "target": Target(macs=0.9), **options}
    return Plan(**options)


@pytest.mark.parametrize("criterion", ["fisher", "taylor", "activation"])
def test_target_met_and_replayed(loaded, data, criterion) -> None:
    analysis = analyse(loaded, cache=False)
    found, resolution = resolve(loaded, analysis, plan(criterion=criterion), data)
    whole = compute_widths(analysis.table, np.zeros(analysis.table.atom_count, bool)).macs
    now = compute_widths(analysis.table, resolution.removed).macs
    assert now / whole == pytest.approx(0.9, rel=0.01)
    assert found.target is None
    replay = resolve(loaded, analysis, found)[1]  # exact channels need no data any more
    assert np.array_equal(replay.removed, resolution.removed)
    again = resolve(loaded, analysis, plan(criterion=criterion), data)[1]
    assert np.array_equal(again.removed, resolution.removed), "same data, same seed, same plan"


def test_scores_are_renewed_on_the_cut_network() -> None:
    seen = []

    def score(model, table, progress):
        seen.append(sum(p.numel() for p in model.parameters()))
        progress(1.0, "scored")
        return np.random.default_rng(0).random(table.atom_count)

    texts = []
    rank_to_target(
        network("yolov8n"),
        Resolver(table_of("yolov8n")),
        plan(target=Target(macs=0.8)),
        score,
        rounds=4,
        progress=lambda fraction, text: texts.append((fraction, text)),
    )
    assert len(seen) == 4
    assert seen == sorted(set(seen), reverse=True), "every round ranks what is left"
    assert [fraction for fraction, _ in texts] == [0.25, 0.5, 0.75, 1.0]
    assert texts[1][1] == "Round 2 of 4: scored"


def test_a_target_out_of_reach_is_refused_before_images_are_read(loaded, data) -> None:
    def never(fraction: float, text: str) -> None:
        pytest.fail("images were read")

    with pytest.raises(UserError, match="cannot be reached"):
        predict(loaded, plan(target=Target(macs=0.01)), data=data, progress=never, cache=False)


def test_ratios_by_images(loaded, data) -> None:
    wish = plan(target=None, selection=({"block": 4, "ratio": 0.5},))
    result = prune(loaded, wish, data=data, cache=False)
    assert result.verification.passed
    assert result.prediction.after.macs < result.prediction.before.macs
    with pytest.raises(UserError, match="no dataset was given"):
        prune(loaded, wish, cache=False)


def test_cancelling_leaves_nothing(loaded, data, tmp_path: Path) -> None:
    def cancel(fraction: float, text: str) -> None:
        if text.startswith("Round 2"):
            raise CancelledError

    with pytest.raises(CancelledError):
        prune(loaded, plan(), tmp_path / "out.pt", data=data, progress=cancel, cache=False)
    assert not list(tmp_path.iterdir())


def test_command_line(data, tmp_path: Path, capsys) -> None:
    wish, output = tmp_path / "plan.json", tmp_path / "small.pt"
    wish.write_text(json.dumps({"version": 1, "criterion": "fisher", "target": {"macs": 0.9}}))
    common = ["--plan", str(wish), "--data", str(data.path), "--images", "2", "--image-size", "64"]
    options = [*common, "--device", "cpu", "--json"]
    assert main(["predict", "yolov8n.yaml", *options]) == 0
    predicted = json.loads(capsys.readouterr().out)
    assert predicted["after"]["macs"] / predicted["before"]["macs"] == pytest.approx(0.9, rel=0.01)
    assert main(["prune", "yolov8n.yaml", *options, "-o", str(output)]) == 0
    pruned = json.loads(capsys.readouterr().out)
    assert pruned["layers"] == predicted["layers"]
    assert pruned["verification"]["passed"]
    assert pruned["plan"]["target"] is None
    replay = tmp_path / "replay.json"
    replay.write_text(json.dumps(pruned["plan"]))
    assert main(["predict", "yolov8n.yaml", "--plan", str(replay), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"] == predicted["layers"]
    assert main(["verify", "yolov8n.yaml", str(output)]) == 0


def test_command_line_without_data(tmp_path: Path, capsys) -> None:
    wish = tmp_path / "plan.json"
    wish.write_text(json.dumps({"version": 1, "criterion": "fisher", "target": {"macs": 0.9}}))
    assert main(["predict", "yolov8n.yaml", "--plan", str(wish)]) == 1
    error = capsys.readouterr().err
    assert "no dataset was given" in error
    assert len(error.strip().splitlines()) == 1
