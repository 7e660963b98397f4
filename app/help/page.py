"""The help page: its text from a file, its tables from the program's own. No Qt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from app.help.pictures import PICTURES
from app.state.plan_edits import STRATEGY_NAMES
from core.plan.criteria import CRITERIA
from core.plan.words import ALLOCATIONS, STRATEGIES

WORDS = {
    "Block": "An entry of the network's list, such as a Conv or a C2f; a box of the graph.",
    "Layer": "A part with weights, such as model.6.cv1.conv; blocks consist of layers.",
    "Channel": "One map of a layer's output, made by one filter.",
    "Ratio": "The share of a block's channels that goes: 50 % halves it.",
    "Parameters": "The numbers learned in training; they make the size of the file.",
    "Multiply-adds": "What one image costs to compute; about half the FLOPs.",
    "mAP50-95": "Accuracy of detection, 0 to 1: how well boxes and classes fit, from a loose (50 "
    "%) to a strict (95 %) overlap.",
    "Backbone, neck, head": "The part that sees, the part that joins what was seen at several "
    "scales, and the part that says what is where.",
    "Plan": "What shall go, with criterion and rules. It can be saved, and replayed by the command "
    "line.",
}
"""The field's terms in plain words."""


def page(colours: Mapping[str, str]) -> str:
    """Return the page as HTML, as far as Qt's rich text knows it.

    Parameters
    ----------
    colours : mapping of str to str
        Of the theme, by name.
    """
    return _template().render(
        colours=colours,
        picture=_image,
        strategies=[(STRATEGY_NAMES[name], text) for name, text in STRATEGIES.items()],
        criteria=CRITERIA.values(),
        allocations=ALLOCATIONS.values(),
        words=WORDS.items(),
    )


def sections() -> list[tuple[str, str]]:
    """Return the page's headings as (anchor, title)."""
    return re.findall(r'<h2><a name="(\w+)"></a>(.*?)</h2>', _source())


@lru_cache(maxsize=1)
def _source() -> str:
    return (files("resources") / "help" / "page.html").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    made = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return made.from_string(_source())


def _image(name: str) -> Markup:
    width, height, _, words = PICTURES[name]
    return Markup('<div><img src="picture:{}" width="{}" height="{}" alt="{}"></div>').format(
        name, width, height, words
    )
