"""Changes valid files: values, keys, entries and bytes, by a generator of random numbers."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
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


def odd_yaml(
    content: bytes, random: Random, change: Callable[[Any, Random], Any] = changed
) -> bytes:
    """Change a YAML file."""
    if random.random() < 0.2:
        return damaged(content, random)
    data = change(yaml.safe_load(content), random)
    return yaml.safe_dump(data, allow_unicode=False).encode("utf-8", "replace")


def odd_text(content: bytes, random: Random) -> bytes:
    """Change the words of a text file, such as labels."""
    words = content.decode("utf-8").split(" ")
    words[random.randrange(len(words))] = str(random.choice((*WORDS, *NUMBERS)))
    text = " ".join(words).encode("utf-8", "replace")
    return text if random.random() < 0.7 else damaged(text, random)


# ---- what exported files say of themselves -------------------------------------------------------

SAID = ("names", "stride", "task", "imgsz", "kpt_shape", "batch", "channels", "args", "end2end",
        "head", "description", "version")  # fmt: skip
SAYS = (
    *ODD, "pose", "segment", "obb", "classify", "semantic", "depth", "RTDETRDecoder", [64, 96],
    [64], [2, 3], [5, 2], [-1, 3], [float("nan"), 3], 64.0, "[[" * 50, "{" * 3000, "9" * 5000,
    [[[[[[[[[[1]]]]]]]]]], {str(n): "x" * 50 for n in range(300)}, {0: EVIL}, {0: "a", 1: "a"},
    {-1: "a"}, {0: None}, {"0": ["a"]}, {"nms": True}, {"dynamic": True}, {"half": "x"},
    {"quantize": EVIL}, {"quantize": [8]}, [64, -64], [2**40, 64],
)  # fmt: skip
"""Values for an entry of the metadata."""


def odd_metadata(about: dict[str, Any], random: Random) -> Data:
    """Change metadata: anything of it, or an entry that is read."""
    if random.random() < 0.3:
        return changed(about, random)
    about = {**about}
    for _ in range(random.choice((1, 1, 2))):
        key = random.choice(SAID)
        if random.random() < 0.1:
            about.pop(key, None)
        else:
            about[key] = copy.deepcopy(random.choice(SAYS))
    if random.random() < 0.2:
        about |= {"task": "pose", "kpt_shape": random.choice((*SAYS, [17, 3]))}
    return about


def _texts(data: Data) -> dict[str, str]:
    """Return metadata as ONNX holds them: texts alone."""
    about = data if isinstance(data, dict) else {"task": data}
    texts = {str(key): str(value) for key, value in about.items()}
    return {_utf8(key): _utf8(value) for key, value in texts.items()}


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def odd_onnx(content: bytes, random: Random) -> bytes:
    """Change the metadata of an ONNX file, or any of its bytes."""
    import onnx

    if random.random() < 0.2:
        return damaged(content, random)
    model = onnx.load_model_from_string(content)
    about = {entry.key: _literal(entry.value) for entry in model.metadata_props}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, _texts(odd_metadata(about, random)))
    if random.random() < 0.1:  # an entry twice
        model.metadata_props.add(key="names", value="{0: 'x'}")
    made: bytes = model.SerializeToString()
    return made


def _literal(text: str) -> Data:
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def odd_sidecar(content: bytes, random: Random) -> bytes:
    """Change a YAML file of metadata."""
    return odd_yaml(content, random, odd_metadata)


def odd_script(content: bytes, random: Random) -> bytes:
    """Change the metadata of a TorchScript file, leave them out or write them twice."""
    if random.random() < 0.1:
        return damaged(content, random)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("config.txt"):
                about = json.loads(data)
                data = json.dumps(odd_metadata(about, random)).encode()
                data = damaged(data, random) if random.random() < 0.1 else data
                if random.random() < 0.05:
                    continue
            new.writestr(name, data)
    return out.getvalue()
