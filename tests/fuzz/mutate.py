"""Changes valid files: values, keys, entries and bytes, by a generator of random numbers."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import yaml

EVIL = (
    "\x1b[2J\x1b]0;owned\x07\u202e\u2066\x9b31m\x7f\r`$(touch MARK)`|<script>alert(1)</script>\n# x"
)
"""A name for a terminal, a shell, a table, a page and a heading to trip over."""
WORDS = ("", " ", "x", "nope", "..", "../..", "a/b", "/dev/null", "/", "\x00", "\ud800", "�",
         "-", "--help", "=1+1", "@SUM(1)", "nan", "1e999", "2026-01-01", "model.5", "all", EVIL,
         "a" * 5000, "{{ 7*7 }}", "%s%n", "null")  # fmt: skip
NUMBERS = (0, 1, -1, 2, 5, 99, 2**31, 2**32, 2**53, 2**63, 2**64, 10**300, -(2**63), 0.0, -0.0,
           0.5, 1.0, -0.5, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"))  # fmt: skip
OTHERS = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    {"": {}},
    [1, "a", None],
    [[1, 2], [3]],
)
ODD = (*WORDS, *NUMBERS, *OTHERS)
Data = Any
Path = tuple[Any, ...]


def places(data: Data, at: Path = ()) -> list[Path]:
    """Return the ways to every value of plain data."""
    found = [at]
    if not isinstance(data, dict | list):
        return found
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        found += places(value, (*at, key))
    return found


def _held(data: Data, at: Path) -> Data:
    for key in at:
        data = data[key]
    return data


def change(data: Data, random: Random) -> Data:
    """Return plain data with one thing of it changed."""
    data = copy.deepcopy(data)
    at = random.choice(places(data))
    if not at:
        return random.choice((random.choice(ODD), [data], {"a": data}, data))
    holder, key = _held(data, at[:-1]), at[-1]
    what = random.randrange(6)
    if what == 0:
        del holder[key]
    elif what == 1 and isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
    elif what == 1 or what == 2:
        other = random.choice(places(data))
        holder[key] = copy.deepcopy(_held(data, other))
    elif what == 3 and isinstance(holder, dict):
        holder[random.choice([word for word in WORDS if word != "\ud800"])] = holder.pop(key)
    else:
        holder[key] = copy.deepcopy(random.choice(ODD))
    return data


def changed(data: Data, random: Random) -> Data:
    """Return plain data with one to three things of it changed."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = change(data, random)
    return data


def damaged(content: bytes, random: Random) -> bytes:
    """Return bytes cut short, flipped, doubled, zeroed or with others in between."""
    made = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        begin = random.randrange(len(made) + 1)
        end = min(len(made), begin + random.choice((1, 2, 16, 300)))
        what = random.randrange(6)
        if what == 0:
            del made[begin:]
        elif what == 1:
            del made[begin:end]
        elif what == 2:
            made[begin:begin] = made[begin:end] * random.choice((1, 3))
        elif what == 3:
            made[begin:end] = bytes(end - begin)
        elif what == 4:
            made[begin:begin] = random.choice((b"\xff\xfe", b"\x00", b"\r\n", b"[" * 3000, b"\x1b"))
        elif begin < len(made):
            made[begin] ^= 1 << random.randrange(8)
    return bytes(made)


def odd_json(content: bytes, random: Random) -> bytes:
    """Change a JSON file."""
    if random.random() < 0.15:
        return damaged(content, random)
    text = json.dumps(changed(json.loads(content), random))
    if random.random() < 0.05:
        text = text.replace(": ", f': {"9" * random.choice((25, 4500))}, "b": ', 1)
    return text.encode()


def odd_lines(content: bytes, random: Random) -> bytes:
    """Change a line of a file of JSON lines."""
    if random.random() < 0.15:
        return damaged(content, random)
    lines = content.splitlines()
    number = random.randrange(len(lines))
    lines[number] = odd_json(lines[number], random)
    return b"\n".join(lines) + b"\n"


def odd_yaml(content: bytes, random: Random) -> bytes:
    """Change a YAML file."""
    if random.random() < 0.2:
        return damaged(content, random)
    data = changed(yaml.safe_load(content), random)
    return yaml.safe_dump(data, allow_unicode=False).encode("utf-8", "replace")


def odd_text(content: bytes, random: Random) -> bytes:
    """Change the words of a text file, such as labels."""
    words = content.decode("utf-8").split(" ")
    words[random.randrange(len(words))] = str(random.choice((*WORDS, *NUMBERS)))
    text = " ".join(words).encode("utf-8", "replace")
    return text if random.random() < 0.7 else damaged(text, random)
