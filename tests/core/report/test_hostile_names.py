"""Names out of files, in every field of a report: it has the parts that it has with plain names."""

from __future__ import annotations

import html.parser
import json
import re
import shlex
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from core.cli.main import main
from core.system.files import sha256_of
from core.system.visible import KEPT
from tests.fuzz.mutate import EVIL
from tests.fuzz.world import World, build, homes

PLAIN = "plain"
NAMES = {
    "everything": EVIL,
    "html": "<h1>x</h1><img src=x onerror=alert(1)><!-- ",
    "quotes": "'\"><script>x</script>&quot;",
    "markdown": "# x | [a](javascript:b) ![c](http:d) **e** `f` ```",
    "lines": "a\n\n# b\n\n| c |\n\n    d\n\n```\n",
    "shell": "'; touch MARK; $(touch MARK) `touch MARK` & # '",
    "template": "{{ 7*7 }}{% raw %}{# x #}",
    "direction": "\u202egnp.exe\u2066\u200f",
    "formula": "=1+1",
    "option": "-o",
}
KINDS = ("md", "html", "json")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("names") / "world"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in homes(root).items():
            patch.setenv(name, value)
        yield build(root)


def replaced(data: object, old: str, new: str) -> object:
    """Plain data in which a text that is a name is another one."""
    if isinstance(data, dict):
        return {new if k == old else k: replaced(v, old, new) for k, v in data.items()}
    if isinstance(data, list):
        return [replaced(value, old, new) for value in data]
    return new if data == old else data


def reports(world: World, word: str) -> dict[str, str]:
    """The reports of a project in which every name is a word."""
    folder, name = world["project"].parent, word.replace("/", "").replace("\0", "")
    try:
        change(world, folder, word, name)
        project = folder / f"{name}.secateur"
        for kind in KINDS:
            words = ["report", str(project), "-o", str(folder / f"r.{kind}"), "--trust-paths"]
            assert main(words) == 0
        return {kind: (folder / f"r.{kind}").read_text("utf-8") for kind in KINDS}
    finally:
        world.restore()


def change(world: World, folder: Path, word: str, name: str) -> None:
    for path in world["history"].rglob("*.json"):
        data = json.loads(path.read_text())
        for told in ("b", "x|y", "a|b", "data.yaml"):
            data = replaced(data, told, word)
        result = data.get("result", {})
        if "machine" in result:
            result["machine"]["device"] = word
            result["missing"] = [{"runtime": word, "message": word}]
        for row in result.get("rows", ()):
            row["note"] = word
        for timing in result.get("timings", ()):
            timing["runtime"] = word if timing["runtime"] != "onnx" else "onnx"
        path.write_text(json.dumps(data))
    job = json.loads(world["job"].read_text())
    files = {"model": f"/nowhere/{name}", "teacher": f"/nowhere/{name}", "preset": word}
    job["arguments"] |= files
    world["job"].write_text(json.dumps(job))
    events = world["events"].read_text().replace('"CPU"', json.dumps(word))
    events = events.replace("train/box_loss", json.dumps(word)[1:-1])
    world["events"].write_text(events)
    steps = [json.loads(line) for line in world["steps"].read_text().splitlines()]
    steps[-1]["note"] = word
    world["steps"].write_text("".join(json.dumps(step) + "\n" for step in steps))
    project = json.loads(world["project"].read_text())
    project["plan"]["locked"] = [word, word]
    project["plan"]["selection"] = [{"layer": word, "ratio": 0.5}]
    project["results"][0] |= {"output": f"{name}.pt", "date": word, "plan": project["plan"]}
    project["model"] = {"path": f"{name} .pt", "sha256": sha256_of(world["model"]), "family": word}
    for old, new in (("m.pt", f"{name} .pt"), ("small.pt", f"{name}.pt")):
        (folder / old).rename(folder / new)
    (folder / f"{name}.secateur").write_text(json.dumps(project))
    for ending in (".history", ".jobs"):
        (folder / f"p{ending}").rename((folder / f"{name}.secateur").with_suffix(ending))


class Tags(html.parser.HTMLParser):
    """The tags of a page and the names of their attributes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, *(key for key, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}",))

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment",))


def html_parts(text: str) -> list[tuple[str, ...]]:
    tags = Tags()
    tags.feed(text)
    return tags.found


def markdown_parts(text: str) -> list[str]:
    """The kinds of the parts, without text, of which a name has more or less."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = {child.type for token in tokens for child in token.children or ()}
    assert inline <= {"text", "text_special", "softbreak", "code_inline"}, inline
    return [token.type for token in tokens]


@pytest.fixture(scope="module")
def plain(world: World) -> dict[str, str]:
    return reports(world, PLAIN)


@pytest.mark.parametrize("kind", NAMES)
def test_a_report_has_the_same_parts(kind: str, world: World, plain: dict[str, str]) -> None:
    assert plain["md"].count(PLAIN) > 20 and plain["html"].count(PLAIN) > 20
    made = reports(world, NAMES[kind])
    assert markdown_parts(made["md"]) == markdown_parts(plain["md"])
    assert html_parts(made["html"]) == html_parts(plain["html"])
    for text in (made["md"], made["html"]):
        bad = {c for c in text if c not in KEPT and unicodedata.category(c) in {"Cc", "Cf"}}
        assert not bad


@pytest.mark.parametrize("kind", NAMES)
def test_the_data_keep_the_names(kind: str, world: World) -> None:
    made = json.loads(reports(world, NAMES[kind])["json"])
    word = NAMES[kind]
    assert made["plan"]["locked"] == [word, word]
    assert word in made["accuracy"]["models"][0]["classes"]
    assert made["latency"]["machine"]["device"] == word


@pytest.mark.parametrize("kind", NAMES)
def test_commands_name_the_files(kind: str, world: World) -> None:
    """What is copied from a report into a shell is one command on those files."""
    name = NAMES[kind].replace("/", "").replace("\0", "")
    made = json.loads(reports(world, NAMES[kind])["json"])
    for command in made["replay"]:
        assert "\n" not in command and command.isprintable()
        if f"{name} .pt".isprintable():
            words = shlex.split(command)
            assert words[:1] == ["secateur"]
            beginning = "./" if name.startswith("-") else ""
            assert words[2] == f"{beginning}{name} .pt"


def test_a_page_shows_the_names(world: World) -> None:
    page = reports(world, NAMES["html"])["html"]
    shown = re.sub(r"<[^>]*>", "", page)
    assert "&lt;h1&gt;x&lt;/h1&gt;&lt;img src=x onerror=alert(1)&gt;&lt;!-- " in shown
