"""Criteria: finite on every family, the same for the same seed, right where the answer is known."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch
from torch import nn

from core.data.stream import DataSettings, Stream
from core.errors import CancelledError, UserError
from core.graph.table import ChannelTable
from core.plan.criteria import CRITERIA
from core.plan.shrink import shrink_table
from core.pruning.criteria import score_atoms
from core.pruning.criteria.masks import AtomReadings
from core.pruning.surgery import cut_network
from tests.core.images import make_dataset
from tests.core.networks import SMALL, network, table_of

EVERY = tuple(CRITERIA)
BY_IMAGES = [name for name in CRITERIA if CRITERIA[name].by_images]
BY_WEIGHTS = [name for name in CRITERIA if not CRITERIA[name].by_images]


@lru_cache(maxsize=8)
def stream_for(family: str, images: int = 2, batch: int = 2) -> Stream:
    model = network(family)
    task = str(getattr(model, "task", "detect"))
    classes = dict(model.names)
    path = make_dataset(Path(mkdtemp(prefix="secateur-images-")), classes, task, images)
    settings = DataSettings(path, images=images, image_size=64, batch=batch, device="cpu")
    return Stream(settings, task, classes)


def kill(model: nn.Module, table: ChannelTable, atom: int) -> None:
    """Make an atom dead: zero rows and no normalisation where it is made."""
    for number, layer in enumerate(table.layers):
        rows = torch.from_numpy(np.flatnonzero(table.outputs(number) == atom))
        for tensor in model.get_submodule(layer.name).parameters(recurse=False):
            if tensor.shape[0] == len(table.outputs(number)):
                tensor.data.index_fill_(0, rows, 0.0)


@pytest.mark.parametrize("criterion", BY_IMAGES)
@pytest.mark.parametrize("family", SMALL)
def test_data_criteria_on_every_family(family: str, criterion: str) -> None:
    images = 4 if family.endswith("-cls") else 2  # an image there is one object
    model, table, stream = network(family), table_of(family), stream_for(family, images)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    scores = score_atoms(model, table, criterion, 0, stream)
    assert scores.shape == (table.atom_count,)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert (scores[table.fixed < 0] > 0).mean() > 0.5, "most atoms must matter to something"
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("criterion", BY_WEIGHTS)
@pytest.mark.parametrize("family", SMALL)
def test_other_criteria_on_every_family(family: str, criterion: str) -> None:
    scores = score_atoms(network(family), table_of(family), criterion, 0)
    assert scores.shape == (table_of(family).atom_count,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("criterion", EVERY)
def test_same_seed_same_scores(criterion: str) -> None:
    one, two = (
        score_atoms(network("yolov8n"), table_of("yolov8n"), criterion, 3, stream_for("yolov8n"))
        for _ in range(2)
    )
    assert np.array_equal(one, two)


@pytest.mark.parametrize("criterion", [c for c in EVERY if c not in ("random", "fpgm")])
def test_dead_channels_come_first(criterion: str) -> None:
    table = table_of("yolov8n")
    model = copy.deepcopy(network("yolov8n"))
    dead = np.random.default_rng(1).choice(np.flatnonzero(table.fixed < 0), 12, replace=False)
    for atom in dead.tolist():
        kill(model, table, atom)
    scores = score_atoms(model, table, criterion, 0, stream_for("yolov8n"))
    assert np.allclose(scores[dead], 0, atol=1e-12)
    alive = np.setdiff1d(np.flatnonzero(table.fixed < 0), dead)
    assert scores[alive].min() >= scores[dead].max()


def duplicate(model: nn.Module, table: ChannelTable, layer: str, copies: dict[int, int]) -> None:
    """Make channels of a layer the same as others, with their normalisation."""
    for name in (f"{layer}.conv", f"{layer}.bn"):
        for tensor in model.get_submodule(name).state_dict().values():
            for copy_of, channel in copies.items() if tensor.ndim else ():
                tensor[channel] = tensor[copy_of]


@pytest.mark.parametrize("representative", ["medoid", "weight", "gamma"])
def test_duplicates_come_first(representative: str) -> None:
    """All but one of a channel's copies score nothing: the one that stays says the same."""
    table = table_of("yolov8n")
    model = copy.deepcopy(network("yolov8n"))
    duplicate(model, table, "model.3", {4: 9, 11: 30, 12: 31})
    duplicate(model, table, "model.3", {4: 40})
    stream = stream_for("yolov8n", 4)
    scores = score_atoms(model, table, "separability", 0, stream, representative=representative)
    own = scores[table.outputs(table.index["model.3.conv"])]
    for copies in ([4, 9, 40], [11, 30], [12, 31]):
        assert np.count_nonzero(own[copies] > 1e-9) <= 1
    planted = {4, 9, 40, 11, 30, 12, 31}
    others = [channel for channel in range(len(own)) if channel not in planted]
    assert own[others].min() > 0
    assert set(np.argsort(own, kind="stable")[:4].tolist()) <= planted, "before all others"


def test_the_representative_is_the_one_asked_for() -> None:
    table = table_of("yolov8n")
    model = copy.deepcopy(network("yolov8n"))
    duplicate(model, table, "model.3", {4: 9})
    module = model.get_submodule("model.3")
    module.conv.weight.data[9] *= 1e3  # the same activation from other weights
    for name, power in (("running_mean", 1), ("running_var", 2)):
        getattr(module.bn, name)[9] *= 1e3**power
    module.bn.eps = 0.0
    module.bn.weight.data[4], module.bn.weight.data[9] = 1.0, 1.0
    kept = {}
    for representative in ("weight", "gamma"):
        stream = stream_for("yolov8n", 4)
        scores = score_atoms(model, table, "separability", 0, stream, representative=representative)
        kept[representative] = scores[table.outputs(table.index["model.3.conv"])]
    assert kept["weight"][9] > 1e-9
    assert kept["weight"][4] == pytest.approx(0, abs=1e-6)


def test_jeffries_matusita_of_known_gaussians() -> None:
    from core.pruning.criteria.separability import jeffries_matusita

    mean, variance = np.array([[0.0, 0, 5], [2, 0, 5]]), np.array([[1.0, 1, 0], [1, 4, 0]])
    apart = 2 * (1 - np.exp(-4 / 8))
    wider = 2 * (1 - np.sqrt(2 * 2 / 5))
    assert jeffries_matusita(mean, variance) == pytest.approx([apart, wider, 0])


def test_separability_finds_the_channel_that_tells_classes_apart() -> None:
    """A channel that answers to where the object is dark or light beats one that does not."""
    from core.pruning.criteria.objects import ClassStatistics
    from core.pruning.criteria.separability import jeffries_matusita

    draw = np.random.default_rng(0)
    statistics = ClassStatistics(3, 8)
    for kind in range(3):
        for _ in range(4):  # in pieces, as a stream brings them
            readings = draw.normal(0, 1, (25, 3))
            readings[:, 1] += 5 * kind
            readings[:, 2] = 1.0
            statistics.add(kind, readings)
    scores = jeffries_matusita(*statistics.gaussians())
    assert scores[1] > 1.5 > 0.3 > scores[0]
    assert scores[2] == 0
    assert len(statistics.kept) == 8, "memory does not grow"


def test_readings_at_objects_and_beside_them() -> None:
    """The input image itself, read by the first layer, is known at every place."""
    from core.pruning.criteria.objects import Objects

    boxes = torch.tensor([[0.25, 0.25, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    batch = {
        "img": torch.zeros(2, 3, 8, 8),
        "batch_idx": torch.tensor([0.0, 1.0]),
        "cls": torch.tensor([[3.0], [5.0]]),
        "bboxes": boxes,
    }
    objects = Objects(batch)
    outside = objects.outside(8, 8)
    assert outside[0].sum() == 64 - 16
    assert outside[0, :4, :4].sum() == 0
    assert outside[1].sum() == 0, "an object that fills its image leaves nothing beside it"
    assert objects.classes.tolist() == [3, 5]


def test_one_class_alone_cannot_be_told_apart(tmp_path: Path) -> None:
    classes = {0: "only"}
    path = make_dataset(tmp_path / "one", classes, "classify", 3)
    stream = Stream(DataSettings(path, image_size=64, device="cpu"), "classify", classes)
    with pytest.raises(UserError, match="have the same class"):
        score_atoms(network("yolov8n-cls"), table_of("yolov8n-cls"), "separability", 0, stream)


def test_hessian_of_a_known_network() -> None:
    """Against the definition: squared gradients of each image's loss, weight by weight."""
    from core.pruning.criteria.losses import ImageLoss, resting

    model, table = network("yolov8n"), table_of("yolov8n")
    stream = stream_for("yolov8n", 3)
    trial = resting(model, "cpu").requires_grad_(True)
    loss = ImageLoss(trial)
    expected = np.zeros(16)
    for batch in stream.batches(1):
        trial.zero_grad()
        loss(batch).backward()
        module = trial.model[0]
        for tensor in (module.conv.weight, module.bn.weight, module.bn.bias):
            saliency = (tensor.grad * tensor).detach().double().square().reshape(16, -1).sum(1)
            expected += saliency.numpy() / 2 / 3
    scores = score_atoms(model, table, "hessian", 0, stream_for("yolov8n", 3))
    assert scores[table.outputs(table.index["model.0.conv"])] == pytest.approx(expected, rel=1e-6)


def test_the_geometric_median_comes_first() -> None:
    table = table_of("yolov8n")
    model = copy.deepcopy(network("yolov8n"))
    number = table.index["model.3.conv"]
    weight = model.get_submodule("model.3.conv").weight.data
    weight[7] = weight.mean(0)  # between all others
    scores = score_atoms(model, table, "fpgm", 0)[table.outputs(number)]
    assert int(np.argmin(scores)) == 7


def test_lamp_of_a_known_layer() -> None:
    from core.pruning.criteria.lamp import _scores

    rows = torch.tensor([[2.0], [1.0], [3.0], [0.0]], dtype=torch.float64)
    assert _scores(rows).tolist() == pytest.approx([4 / 13, 1 / 14, 1.0, 0.0])


@pytest.mark.parametrize("family", ["yolov8n", "yolo11n", "yolo12n", "yolov9t"])
def test_mask_gradients_against_finite_differences(family: str) -> None:
    """Scale an atom's columns in all layers that read it; the loss is a fixed sum of outputs."""
    table = table_of(family)
    model = copy.deepcopy(network(family)).double().eval().requires_grad_(False)
    readings = AtomReadings(model, table)
    image = next(stream_for(family).batches(1))["img"].double()
    with readings.gradients():
        readings.start(1)
        _sum_of_outputs(model, image.clone().requires_grad_(True)).backward()
    read = readings.take()[0].numpy()
    atoms = np.flatnonzero((table.fixed < 0) & readings.seen)
    for atom in np.random.default_rng(0).choice(atoms, 6, replace=False).tolist():
        low, high = (_scaled(model, table, atom, 1 + e, image) for e in (-1e-4, 1e-4))
        assert read[atom] == pytest.approx((high - low) / 2e-4, rel=1e-4, abs=1e-5)


def _sum_of_outputs(model: nn.Module, image: torch.Tensor) -> torch.Tensor:
    output = model(image)[1]
    return (output["scores"] ** 2).sum() + (output["boxes"] ** 2).sum()


def _scaled(
    model: nn.Module, table: ChannelTable, atom: int, factor: float, image: torch.Tensor
) -> float:
    changed = []
    for number, layer in enumerate(table.layers):
        columns = np.flatnonzero(table.inputs(number) == atom)
        if layer.mixes and len(columns):
            weight = model.get_submodule(layer.name).weight.data
            changed.append((weight, weight.clone()))
            weight[:, columns] *= factor
    with torch.no_grad():
        value = float(_sum_of_outputs(model, image))
    for weight, saved in changed:
        weight.copy_(saved)
    return value


def test_fisher_does_not_depend_on_the_batch() -> None:
    model, table = network("yolov8n"), table_of("yolov8n")
    one = score_atoms(model, table, "fisher", 0, stream_for("yolov8n", 3, 1))
    three = score_atoms(model, table, "fisher", 0, stream_for("yolov8n", 3, 3))
    assert np.allclose(one, three, rtol=1e-3, atol=1e-6 * one.max())


@pytest.mark.parametrize("criterion", EVERY)
def test_scores_of_a_cut_network_keep_the_original_atoms(criterion: str) -> None:
    """Removing dead atoms changes nothing for the others."""
    table = table_of("yolov8n")
    model = copy.deepcopy(network("yolov8n"))
    inner = table.outputs(table.index["model.4.m.0.cv1.conv"])[:5]
    for atom in inner.tolist():
        kill(model, table, atom)
    removed = np.zeros(table.atom_count, bool)
    removed[inner] = True
    whole = score_atoms(model, table, criterion, 0, stream_for("yolov8n"))
    cut = score_atoms(
        cut_network(model, table, removed),
        shrink_table(table, removed),
        criterion,
        0,
        stream_for("yolov8n"),
    )
    elsewhere = np.unique(table.outputs(table.index["model.2.cv2.conv"]))
    assert np.allclose(whole[elsewhere], cut[elsewhere], rtol=1e-3)


def test_data_is_asked_for() -> None:
    with pytest.raises(UserError, match="no dataset was given"):
        score_atoms(network("yolov8n"), table_of("yolov8n"), "fisher", 0)
    with pytest.raises(UserError, match="no criterion “nonsense”"):
        score_atoms(network("yolov8n"), table_of("yolov8n"), "nonsense", 0)


@pytest.mark.parametrize("criterion", BY_IMAGES)
def test_weights_that_are_no_numbers_are_refused(criterion: str) -> None:
    model = copy.deepcopy(network("yolov8n"))
    model.get_submodule("model.3.conv").weight.data[0] = float("nan")
    with pytest.raises(UserError, match="NaN or infinite"):
        score_atoms(model, table_of("yolov8n"), criterion, 0, stream_for("yolov8n"))


@pytest.mark.parametrize("criterion", BY_IMAGES)
def test_ranking_can_be_cancelled(criterion: str) -> None:
    def cancel(fraction: float, text: str) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        score_atoms(
            network("yolov8n"), table_of("yolov8n"), criterion, 0, stream_for("yolov8n"), cancel
        )
