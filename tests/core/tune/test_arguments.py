"""The table of a training's arguments agrees with the Ultralytics that is installed."""

from __future__ import annotations

import json

import pytest
from ultralytics.cfg import check_cfg
from ultralytics.utils import DEFAULT_CFG_DICT

from core.cli.main import main
from core.engine.tasks import find_task
from core.errors import UserError
from core.tune.arguments import (
    Argument,
    check_values,
    read_arguments,
    read_options,
    read_value,
    usual_of,
    write_value,
)
from core.tune.presets import OURS, PRESETS

TABLE = {argument.name: argument for argument in read_arguments()}
VALUES = [
    None, True, False, 0, 1, 2, -1, 16, 0.0, 0.5, 1.0, 1.5, -0.5, 8.0, "", "auto", "SGD", "yes",
    [0, 1], [0.5, 1.5], "ram",
]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in TABLE if name not in OURS])
def test_a_value_is_taken_exactly_when_ultralytics_takes_it(name: str) -> None:
    argument = TABLE[name]
    for value in VALUES:
        if argument.kind == "any" or isinstance(value, bool) or value is None:
            continue  # left to Ultralytics, or a truth value, which Python also counts as a number
        try:
            check_cfg({name: value}, hard=True)
            theirs = True
        except (TypeError, ValueError):
            theirs = False
        try:
            argument.check(value)
            ours = True
        except UserError:
            ours = False
        if argument.choices and theirs:
            ours = ours or str(value).lower() not in map(str.lower, argument.choices)
        assert ours == theirs, (name, value)


def test_every_argument_that_a_preset_sets_is_in_the_table_and_taken() -> None:
    for preset in PRESETS.values():
        for name, value in preset.options.items():
            assert TABLE[name].check(value) == value


def test_all_that_ultralytics_says_of_training_is_there_with_words() -> None:
    known = set(DEFAULT_CFG_DICT)
    assert set(TABLE) <= known
    for name in ("epochs", "freeze", "overlap_mask", "dropout", "iou", "lr0", "mosaic", "erasing"):
        assert TABLE[name].text and TABLE[name].default == DEFAULT_CFG_DICT[name]
    assert not {"format", "save_txt", "vid_stride", "tracker", "opset"} & set(TABLE)
    assert set(OURS) - {"task", "mode", "save_dir", "cfg", "classes", "deterministic"} <= set(TABLE)
    assert "AdamW" in TABLE["optimizer"].choices and TABLE["optimizer"].read("adamw") == "AdamW"


@pytest.mark.parametrize("argument", TABLE.values(), ids=str)
def test_defaults_are_written_as_they_are_read(argument: Argument) -> None:
    assert read_value(argument.name, write_value(argument.default)) == argument.default
    assert Argument.from_json(json.loads(json.dumps(argument.to_json()))) == argument
    assert usual_of(argument, "recover_fully")


def test_numbers_with_an_exponent_are_numbers_and_lists_are_lists() -> None:
    options = read_options(["lr0=1e-3", "freeze=[0, 1]", "epochs=5", "auto_augment=none"], TABLE)
    assert options == {"lr0": 0.001, "freeze": [0, 1], "epochs": 5, "auto_augment": None}


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("lr0=2", "“lr0” cannot be 2"),
        ("epochs=1.5", "“epochs” cannot be 1.5"),
        ("epochs=0", "“epochs” cannot be 0"),
        ("cos_lr=maybe", "“cos_lr” cannot be maybe"),
        ("optimizer=Foo", "“optimizer” cannot be Foo"),
        ("box=none", "“box” cannot be none"),
        ("warm=1", "no training argument “warm”"),
        ("format=onnx", "no training argument “format”"),
        ("data=x.yaml", "cannot be set: use --data"),
        ("cache=disk", "next to your images"),
        ("lr0", "is not a setting"),
        ("lr0=[", "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_in_words(pair: str, words: str) -> None:
    with pytest.raises(UserError, match="(?s)" + words.replace("(", r"\(")):
        read_options([pair], TABLE)


def test_what_only_ultralytics_can_tell_it_is_asked() -> None:
    check_values({"amp": "bf16", "freeze": [0, "23.cv2"], "scale": [0.5, 1.5]})
    with pytest.raises(UserError, match="rejects “amp”"):
        check_values({"amp": "maybe"})
    told = find_task("check_arguments")(
        None, {"options": {"amp": "x", "lr0": 0.1}}, lambda *_: None
    )  # type: ignore[arg-type]
    assert list(told["problems"]) == ["amp"]


def test_the_command_lists_what_has_all_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["arguments", "warmup", "bias", "--preset", "recover_quickly", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["arguments"]
    assert (found["name"], found["usual"], found["kind"]) == ("warmup_bias_lr", "0.0", "fraction")
