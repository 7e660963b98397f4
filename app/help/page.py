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
    "Block": "A module in the network's list, such as a Conv or a C2f; a box in the graph.",
    "Layer": "A module with weights, such as model.6.cv1.conv. Blocks consist of layers.",
    "Channel": "One feature map of a layer, computed by one filter.",
    "Ratio": "The share of channels to remove: 50% halves a block.",
    "Parameters": "The number of weights. It determines the file size.",
    "GFLOPs": "Billions of floating-point operations for one image, twice the multiply-adds.",
    "mAP50-95": "Detection accuracy from 0 to 1: the mean average precision over IoU "
    "thresholds from 0.5 to 0.95.",
    "Backbone, neck, head": "The backbone extracts features, the neck merges them across "
    "scales, and the head predicts objects.",
    "Plan": "What to remove, with the criterion and rules. You can save a plan and replay it on "
    "the command line.",
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
