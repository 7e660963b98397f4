"""``SECATEUR_CHANNELS``: what a trusted module says about how channels pass its classes."""

from __future__ import annotations

from pathlib import Path

import pytest

import core
from core.checkpoint import load, save
from core.checkpoint.needs import needed
from core.errors import UserError
from core.graph.modules import digest_of_added, rule_of
from core.pipeline import analyse, prune
from tests.core.trust.conftest import EXAMPLES, Trust
from tests.core.trust.nets import described

MODULE = '''
import numpy as np
import torch
from torch import nn
from torch.nn.functional import linear


class Mix(nn.Module):
    """Mixes channels in numpy, by weights of its own, and keeps how many it makes."""

    def __init__(self, channels):
        super().__init__()
        self.made = channels
        self.weight = nn.Parameter(torch.randn(channels, channels) / channels**0.5)

    def forward(self, x):
        mixed = np.einsum("nchw,oc->nohw", x.detach().numpy(), self.weight.detach().numpy())
        return torch.from_numpy(mixed).reshape(len(x), self.made, *x.shape[2:])


def carry(module, x):
    return linear(x.movedim(1, -1), module.weight).movedim(-1, 1)


def passes(module, x):
    return x
'''
RIGHT = """SECATEUR_CHANNELS = {
    "Mix": {"carries": carry, "stores": [{"attribute": "made", "layer": ""}]},
}"""
PLAN = core.Plan(selection=[{"block": block, "ratio": 0.5} for block in (1, 2)])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return described(tmp_path, "Mix", "[32]")


def written(folder: Path, declared: str) -> Path:
    path = folder / "mix.py"
    path.write_text(f"{MODULE}\n{declared}\n", "utf-8")
    return path


def test_declared_modules_are_pruned(trust: Trust, network: Path, tmp_path: Path) -> None:
    trust(written(tmp_path, ""))
    before = digest_of_added()
    locked = analyse(load(network), cache=False)
    assert "takes values out of PyTorch" in " ".join(locked.table.reasons)
    trust(written(tmp_path, RIGHT))
    assert digest_of_added() != before  # tables of before are not taken for those of now
    loaded = load(network)
    done = prune(loaded, PLAN, tmp_path / "small.pt")
    mix = done.model.model[2]
    assert done.verification.passed and mix.made == mix.weight.shape[0] < 32
    again = load(tmp_path / "small.pt")
    assert rule_of(again.model.model[2]).stores[0].attribute == "made"
    assert prune(again, PLAN).verification.passed


WRONG = {
    "width": 'SECATEUR_CHANNELS = {"Mix": carry}',
    "carries": 'SECATEUR_CHANNELS = {"Mix": {"carries": passes, "stores": [{"attribute": "made", '
    '"layer": ""}]}}',
    "raises": 'SECATEUR_CHANNELS = {"Mix": lambda module, x: 1 / 0}',
    "shape": 'SECATEUR_CHANNELS = {"Mix": lambda module, x: x[:, :1]}',
    "layer": 'SECATEUR_CHANNELS = {"Mix": {"carries": carry, "stores": [{"attribute": "made", '
    '"layer": "nowhere"}]}}',
    "attribute": 'SECATEUR_CHANNELS = {"Mix": {"carries": carry, "stores": [{"attribute": "no", '
    '"layer": ""}]}}',
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_entry_does_no_harm(kind: str, trust: Trust, network: Path, tmp_path: Path) -> None:
    trust(written(tmp_path, WRONG[kind]))
    with pytest.raises(UserError) as caught:
        prune(load(network), PLAN, tmp_path / "small.pt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "small.pt").exists()


INVALID = (
    "5", "[]", '{"Mix": 5}', '{"Mix": {}}', '{"Mix": {"carry": carry}}', '{"Mix": {"carries": 5}}',
    '{"Mix": {"stores": 5}}', '{"Mix": {"stores": [5]}}', '{"Mix": {"stores": [{}]}}',
    '{"Mix": {"stores": [{"attribute": "made", "layer": "", "size": 1}]}}',
    '{"Mix": {"stores": [{"attribute": "made", "layer": "", "side": "up"}]}}',
    '{"Mix": {"stores": [{"attribute": "made", "layer": "", "parts": 0}]}}',
    '{"Mix": {"heads": {"projection": "qkv"}}}',
)  # fmt: skip


@pytest.mark.parametrize("declared", INVALID)
def test_invalid_entries_are_named(
    declared: str, trust: Trust, network: Path, tmp_path: Path
) -> None:
    trust(written(tmp_path, f"SECATEUR_CHANNELS = {declared}"))
    with pytest.raises(UserError, match=r"SECATEUR_CHANNELS in .*mix\.py is not valid") as caught:
        analyse(load(network), cache=False)
    assert "\n" not in str(caught.value) and "docs/modules.md" in caught.value.hint


def test_entries_are_for_classes_of_that_module_alone(trust: Trust, tmp_path: Path) -> None:
    """Neither for what it imports, nor for stock classes of the same name."""
    code = (
        "from ultralytics.nn.modules.block import C2f\nSECATEUR_CHANNELS = {'C2f': lambda m, x: x}"
    )
    trust(written(tmp_path, code))
    load(described(tmp_path, "Mix", "[32]"))
    from ultralytics.nn.modules.block import C2f

    assert rule_of(C2f(8, 8)).carries is None


def test_every_written_checkpoint_says_what_it_needs(trust: Trust, tmp_path: Path) -> None:
    trust(EXAMPLES / "attention.py")
    path = tmp_path / "made.pt"
    save(load(described(tmp_path)).model, path, train_args={})
    assert needed({"output": str(path)})[0]["name"] == "attention"
    for result in ({}, {"output": None}, {"output": "a.onnx"}, {"output": str(tmp_path / "no.pt")}):
        assert needed(result) == []
    save(load("yolov8n.yaml").model, path, train_args={})
    assert needed({"output": str(path)}) == []


@pytest.mark.parametrize(
    "code",
    ["1 / 0", "assert len(x) == 7", "raise OSError('no\\nway')", "raise Own", "open('/no/file')"],
)
def test_a_forward_that_raises_anything(
    code: str, trust: Trust, network: Path, tmp_path: Path
) -> None:
    """Whatever the user's code raises is theirs to mend, and no internal error.

    It runs at the size of the image that Ultralytics builds a network with, and not traced.
    """
    text = MODULE.replace(
        "        mixed =", f"        if x.shape[-1] < 32: {code}\n        mixed ="
    )
    file = tmp_path / "mix.py"
    file.write_text(f"{text}\n\nclass Own(Exception):\n    pass\n", "utf-8")
    trust(file)
    with pytest.raises(UserError, match="cannot be run alone") as caught:
        analyse(load(network), cache=False)
    assert "\n" not in str(caught.value)
