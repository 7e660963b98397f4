"""The checked research note reports what the program prints, and no other figures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.core import documents

ROOT = Path(__file__).resolve().parents[2]
NOTE = (ROOT / "docs" / "research-note.md").read_text("utf-8")


@pytest.fixture(scope="module")
def network(warm, tmp_path_factory) -> dict:
    asked = documents.Example("secateur inspect yolov8s.yaml --json", ())
    return json.loads(documents.run(asked, tmp_path_factory.mktemp("network"), warm))


def test_every_example_prints_what_stands_there(warm, tmp_path: Path) -> None:
    found = documents.examples(NOTE)
    assert len(found) > 20
    wrong = []
    for example in found:
        output = documents.run(example, tmp_path, warm)
        if not documents.matches(example.printed, output):
            wrong.append(f"{example.code}\n{output}")
    assert not wrong, "\n\n".join(wrong)


def test_an_output_that_differs_is_seen() -> None:
    printed = ("a 1 → 2", "…", "error …, as said", "end")
    good = "a 1 → 2\nb\nc\nerror 3.4e-07, as said\nend"
    assert documents.matches(printed, good)
    assert documents.matches(("…",), good)
    for bad in (good.replace("2", "3"), good + "\nmore", good.replace("as said", ""), ""):
        assert not documents.matches(printed, bad)


def test_the_running_text_holds_no_figure_that_was_not_printed() -> None:
    before = ""
    for section in documents.sections(NOTE):
        before += section
        known = before if "```" in section else NOTE
        shown = "\n".join(
            [*(match[2] for match in documents._BLOCK.finditer(known)), *quotations(known)]
        )
        numbers = set(re.findall(r"(?<![\w.])\d[\d.,]*", shown)) | {"4"}
        known_numbers = {number.rstrip(".,") for number in numbers}
        assert documents.figures(section) <= known_numbers, section


def quotations(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith((">", "#"))]


def rows(head: str) -> list[list[str]]:
    lines = NOTE[NOTE.index(head) :].splitlines()
    table = [line for line in lines[2 : lines.index("")] if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_table_of_blocks_is_the_network_s(network: dict) -> None:
    table = rows("| block | type |")
    assert len(table) == 16
    for index, kind, claimed, real, verdict in table:
        block = network["blocks"][int(index)]
        assert (kind, real) == (
            block["type"], f"{block['in_channels']} → {block['out_channels']}"
        )  # fmt: skip
        assert verdict == ("" if claimed == real else "wrong")
    told = {int(row[0]) for row in table}
    weighty = {b["index"] for b in network["blocks"] if b["parameters"] and b["type"] != "Detect"}
    assert told == weighty


def test_the_table_of_concats_is_the_network_s(network: dict) -> None:
    real = {f"block {c['block']}": " and ".join(map(str, c["sources"])) for c in network["concats"]}
    assert {row[0]: row[2] for row in rows("| | the note says |")} == real
    assert all(row[1] != row[2] for row in rows("| | the note says |"))
