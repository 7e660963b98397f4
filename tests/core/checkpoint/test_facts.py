from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.checkpoint import Facts
from core.checkpoint.plain import as_plain, plain_items

FACTS = Facts(
    path="a.pt",
    sha256="00",
    family="yolov8n",
    task="detect",
    classes={0: "cat", 1: "dog"},
    image_size=640,
    dtype="float16",
    frozen=True,
    fused=False,
    ultralytics="8.4.190",
    history=({"step": "prune"},),
)


def test_facts_survive_json():
    again = Facts.from_dict(json.loads(json.dumps(FACTS.to_dict())))
    assert again == FACTS


def test_facts_of_later_versions_are_read():
    assert Facts.from_dict({**FACTS.to_dict(), "colour": "green"}) == FACTS


def test_plain_data_is_copied_without_subclasses():
    class Version(str):
        pass

    value = {
        "a": (1, 2.5, None, True),
        "v": Version("2"),
        "p": Path("x"),
        "n": SimpleNamespace(b=1),
    }
    plain = as_plain(value)
    assert plain == {"a": [1, 2.5, None, True], "v": "2", "p": "x", "n": {"b": 1}}
    assert type(plain["v"]) is str


@pytest.mark.parametrize("value", [object(), {"a": object()}, {(1, 2): 3}, len])
def test_other_things_are_not_plain(value):
    with pytest.raises(TypeError):
        as_plain(value)


def test_endless_nesting_is_refused():
    nested: list = []
    nested.append(nested)
    with pytest.raises(TypeError):
        as_plain(nested)


def test_entries_that_are_not_plain_are_dropped():
    assert plain_items({"a": 1, "b": object()}) == {"a": 1}
    assert plain_items("nonsense") == {}
