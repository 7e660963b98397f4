"""Small files that ask for all the memory there is, or for work that never ends."""

from __future__ import annotations

import copy
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from core.checkpoint import load

MODEL = {
    "nc": 3,
    "backbone": [[-1, 1, "Conv", [16, 3, 2]], [-1, 1, "C2f", [16, True]]],
    "head": [[-1, 1, "Conv", [16, 3, 2]], [[1, 2], 1, "Detect", ["nc"]]],
}
FINE = {"version": 1, "selection": [{"block": 1, "ratio": 0.5}]}
DATA = "train: a\nval: a\n"


def nested(word: str, count: int = 9, deep: int = 30) -> str:
    """Return YAML anchors of lists of lists: ``count`` to the power of ``deep`` items."""
    rows = [f"a0: &a0 [{', '.join([word] * count)}]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * count)}]" for n in range(1, deep)]
    return "\n".join(rows) + "\n"


def doubled(deep: int = 40) -> Any:
    """Return a list that holds another one twice, and so on."""
    found: Any = ["x"]
    for _ in range(deep):
        found = [found, found]
    return found


# ---- datasets ------------------------------------------------------------------------------------

DATASETS = {
    "a number of classes": f"{DATA}nc: 1000000000\n",
    "as text": f'{DATA}nc: "1e9"\n',
    "as hexadecimal": f"{DATA}nc: 0x7fffffff\n",
    "without an end": f"{DATA}nc: .inf\n",
    "lists of lists": f"{nested('x')}{DATA}names: [*a29, *a29]\n",
    "lists by number": f"{nested('x')}{DATA}names: {{0: *a29, 1: b}}\n",
    "lists for places": f"{nested('x')}train: *a29\nval: a\nnames: [a]\n",
    "lists for keypoints": f"{nested('x')}{DATA}names: [a]\nkpt_shape: *a29\n",
    "mappings of mappings": (
        "a0: &a0 {x: 1}\n"
        + "".join(f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}}}\n" for n in range(1, 40))
        + f"{DATA}names: *a39\n"
    ),
    "merged mappings": (
        "a0: &a0 {x: 1, y: 2}\n"
        + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
        + f"{DATA}names: [a]\n"
    ),
    "itself": f"{DATA}names: &a [x, *a]\n",
    "itself by number": f"{DATA}names: &a {{0: *a}}\n",
    "deep": DATA + "names: " + "[" * 500 + "]" * 500,
    "deep in lines": DATA + "names:\n" + "".join(" " * n + "-\n" for n in range(1, 900)),
    "long": DATA + "names: [" + "a," * 1_900_000 + "]\n",
    "too large": DATA + "#" * (5 << 20) + "\nnames: [a]\n",
    "digits": f"{DATA}nc: {'9' * 5000}\n",
    "digits in names": f"{DATA}names: [{'9' * 5000}]\n",
    "sixties": f"{DATA}nc: 1{':1' * 400_000}\n",
    "hexadecimal digits": f"{DATA}nc: 0x{'f' * 1_000_000}\n",
    "digits by a tag": f'{DATA}nc: !!int "{"1" * 5000}"\n',
}


# ---- models --------------------------------------------------------------------------------------


def described(*rows: Any, head: str = "", **more: Any) -> str:
    """Return a model YAML with blocks before the usual ones."""
    data = copy.deepcopy(MODEL) | more
    data["backbone"][1:1] = rows
    data["head"][-1][0] = [len(rows) + 1, len(rows) + 2]
    return head + str(yaml.safe_dump(data))


def anchored() -> str:
    """Return a model YAML whose blocks' arguments are three times those of the block before."""
    rows = ["  - [-1, 1, Conv, &b0 [16, 3, 2]]"]
    rows += [f"  - [-1, 1, Conv, &b{n} [{', '.join([f'*b{n - 1}'] * 3)}]]" for n in range(1, 40)]
    return "\n".join(["nc: 3", "backbone:", *rows, "head:", "  - [[0], 1, Detect, [nc]]", ""])


_HEAD = "head: [[[0], 1, Detect, [nc]]]\n"
MODELS = {
    "anchors in arguments": anchored(),
    "anchors elsewhere": nested("x") + described(),
    "anchors for a block": f"{nested('x')}nc: 1\nbackbone: [*a29]\n{_HEAD}",
    "itself": f"nc: 1\nbackbone: &a [*a]\n{_HEAD}",
    "wide by its scale": described(
        *[[-1, 1, "Conv", [4096, 3, 1]]] * 60, scales={"n": [1.0, 90.0, 99999]}
    ),
    "deep by its scale": described([-1, 900, "C2f", [16, True]], scales={"n": [900.0, 1.0, 999]}),
    "wide": described(*[[-1, 1, "Conv", [4096, 3, 1]]] * 20),
    "repeated": described([-1, 99999, "C2f", [128, True]]),
    "repeated less": described([-1, 900, "C2f", [2048, True]]),
    "repeated nothing": described(*[[-1, 1000, "nn.Identity", []]] * 500),
    "a slope": described([-1, 1, "nn.PReLU", [1000000000]]),
    "a slope as text": described([-1, 1, "nn.PReLU", ["(1000000000)"]]),
    "a slope as hexadecimal": described([-1, 1, "nn.PReLU", ["0x3b9aca00"]]),
    "a slope for all": described(activation="nn.PReLU(1000000000)"),
    "a table": described([-1, 1, "nn.Embedding", [99999, 99999]]),
    "a matrix": described([-1, 1, "nn.Linear", [90000, 90000]]),
    "a memory": described([-1, 1, "nn.LSTM", [16, 60000]]),
    "a large kernel": described(*[[-1, 1, "Conv", [1024, 99, 1]]] * 2),
    "many products": described(*[[-1, 1, "Conv", [512, 15, 1]]] * 4),
    "larger features": described([-1, 1, "nn.Upsample", [None, 9999, "nearest"]]),
    "padded features": described([-1, 1, "nn.ZeroPad2d", [30000]]),
    "pooled features": described([-1, 1, "nn.AdaptiveAvgPool2d", [60000]]),
    "unfolded features": described([-1, 1, "nn.Unfold", [3, 1, 20000]]),
    "classes": described(nc=1000000000),
    "classes as text": described(nc="99999"),
    "image channels": described(channels=99999999),
    "too many blocks": described(*[[-1, 1, "nn.Identity", []]] * 3000),
    "too large": described(head="#" * (2 << 20) + "\n"),
    "digits": described(head=f"x: {'9' * 5000}\n"),
}  # fmt: skip


# ---- checkpoints ---------------------------------------------------------------------------------


def archive(path: Path, pickled: bytes, *members: tuple[str, bytes]) -> None:
    """Write a deflated archive around a pickle, as torch reads one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("a/data.pkl", pickled)
        stream.writestr("a/version", "3\n")
        for name, data in members:
            stream.writestr(name, data)


def _tuples(end: bytes) -> bytes:
    """Return a pickle with a tuple of 2^60 items, and what is done with it."""
    steps = [b"h%ch%c\x86q%c0" % (n, n, n + 1) for n in range(60)]
    return b"\x80\x02)q\x00" + b"".join(steps) + end + b"."


def _hexed(codec: bytes) -> bytes:
    """Return a pickle that doubles bytes again and again."""
    call = b"X" + struct.pack("<I", len(codec)) + codec + b"\x86R"
    steps = [b"q\x01" + b"0h\x00h\x01" + call] * 40
    start = b"\x80\x02c_codecs\nencode\nq\x00X\x01\0\0\0aX\x06\0\0\0latin1\x86R"
    return start + b"".join(steps) + b"."


def _storage(count: int) -> bytes:
    """Return a pickle with a storage of 16 bytes that claims more."""
    size = b"\x8a\x05" + count.to_bytes(5, "little")
    storage = (
        b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu" + size + b"tQ"
    )
    rest = b"K\x00" + size + b"\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"."


PICKLES: dict[str, tuple[bytes, tuple[tuple[str, bytes], ...]]] = {
    "60 million lists": (b"\x80\x02" + b"]" * 60_000_000 + b".", ()),
    "3 million lists": (b"\x80\x02" + b"]" * 3_000_000 + b".", ()),
    "3 million of nothing": (b"\x80\x02(" + b"N" * 3_000_000 + b"t.", ()),
    "3 million calls": (
        b"\x80\x02ccollections\nCounter\nq\x00" + b"h\x00)R" * 1_000_000 + b".", ()
    ),
    "a long text": (b"\x80\x02X" + struct.pack("<I", 50_000_000) + b"a" * 50_000_000 + b".", ()),
    "a far place in the memo": (b"\x80\x02Nr\xff\xff\xff\x7f.", ()),
    "a key of tuples": (_tuples(b"}h\x3cNs"), ()),
    "a set of tuples": (_tuples(b"cbuiltins\nset\n](h\x3ce\x85R"), ()),
    "an ordered key of tuples": (_tuples(b"ccollections\nOrderedDict\n]](h\x3cNea\x85R"), ()),
    "a counter of tuples": (_tuples(b"ccollections\nCounter\n](h\x3ce\x85R"), ()),
    "bytes doubled": (_hexed(b"hex"), ()),
    "bytes doubled by another name": (_hexed(b"hex_codec"), ()),
    "bytes in base 64": (_hexed(b"base64"), ()),
    "a byte array": (
        b"\x80\x02cdill._dill\n_load_type\nX\t\0\0\0bytearray\x85R\x8a\x05\0\0\0\0\x02\x85R.", ()
    ),
    "a storage of 4 GB": (_storage(1 << 30), (("a/data/0", b"\0" * 16),)),
    "a storage that is not there": (_storage(4), ()),
    "zeros": (b"\x80\x02}.", (("a/data/0", bytes(200 << 20)),)),
    "zeros for the structure": (b"\x80\x02}.", (("a/.data/serialization_id", bytes(60 << 20)),)),
}  # fmt: skip


def write_pickle(kind: str, path: Path) -> None:
    """Write one of `PICKLES`."""
    pickled, members = PICKLES[kind]
    archive(path, pickled, *members)


def write_many_members(path: Path) -> None:
    """Write an archive of 150,000 files."""
    with zipfile.ZipFile(path, "w") as stream:
        stream.writestr("a/data.pkl", b"\x80\x02}.")
        for number in range(150_000):
            stream.writestr(f"a/data/{number}", b"")


def _set(change: Callable[[Any], None]) -> Callable[[Any], dict[str, Any]]:
    def act(model: Any) -> dict[str, Any]:
        change(model)
        return {}

    return act


def _no_names(count: Any) -> Callable[[Any], dict[str, Any]]:
    def act(model: Any) -> dict[str, Any]:
        del model.names
        model.yaml["nc"] = count
        return {}

    return act


def _paths(model: Any) -> None:
    inner: nn.Module = nn.Sequential(nn.Identity())
    for _ in range(28):
        inner = nn.Sequential(inner, inner)
    model.model[0].extra = inner


def _deep(model: Any) -> None:
    inner: nn.Module = nn.Identity()
    for _ in range(80):
        inner = nn.Sequential(inner)
    model.model[0].extra = inner


def _shaped(place: int, **numbers: Any) -> Callable[[Any], dict[str, Any]]:
    def act(model: Any) -> dict[str, Any]:
        vars(model.model[place].conv).update(numbers)
        return {}

    return act


def _instead(module: Callable[[], nn.Module]) -> Callable[[Any], dict[str, Any]]:
    def act(model: Any) -> dict[str, Any]:
        new: Any = module()
        new.i, new.f, new.type = 0, -1, "x"
        model.model[0] = new
        return {}

    return act


NETWORKS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "classes without names": _no_names(10**9),
    "classes as text": _no_names("1000000000"),
    "classes of 5,000 digits": _no_names("9" * 5000),
    "names": _set(lambda m: setattr(m, "names", {0: doubled()})),
    "names in a list": _set(lambda m: setattr(m, "names", doubled())),
    "names by tuples": _set(lambda m: setattr(m, "names", [tuple(doubled())] * 3)),
    "arguments": _set(lambda m: setattr(m, "args", {"a": doubled()})),
    "arguments of the training": lambda m: {"train_args": {"imgsz": doubled()}},
    "all arguments": lambda m: {"train_args": doubled()},
    "a history": lambda m: {"secateur": [{"plan": doubled()}]},
    "a version": lambda m: {"version": doubled()},
    "a block's name": _set(lambda m: m.yaml["backbone"][0].__setitem__(2, doubled())),
    "a block's type": _set(lambda m: setattr(m.model[0], "type", doubled())),
    "a block's sources": _set(lambda m: setattr(m.model[0], "f", doubled())),
    "a scale": _set(lambda m: m.yaml.__setitem__("scale", doubled())),
    "an activation": _set(lambda m: m.yaml.__setitem__("activation", doubled())),
    "a file's name": _set(lambda m: m.yaml.__setitem__("yaml_file", doubled())),
    "a task": _set(lambda m: setattr(m, "task", doubled())),
    "2^28 paths": _set(_paths),
    "modules in one another": _set(_deep),
    "100,000 modules": _set(
        lambda m: setattr(m.model[0], "extra", nn.ModuleList(nn.Identity() for _ in range(100_000)))
    ),
    "21,000 modules in a list": _set(
        lambda m: vars(m.model[0]).__setitem__("extra", [nn.Identity() for _ in range(21_000)])
    ),
    "weights of stride 0": _set(
        lambda m: m.model[0].conv.__setattr__(
            "weight", nn.Parameter(torch.zeros(1).expand(16, 3, 9000, 9000))
        )
    ),
    "padding": _shaped(0, padding=(9000, 9000)),
    "a larger output": _instead(lambda: nn.Upsample(scale_factor=3000.0)),
    "an output of a size": _instead(lambda: nn.Upsample(size=(30000, 30000))),
    "a border": _instead(lambda: nn.ZeroPad2d(20000)),
    "a pool": _instead(lambda: nn.AdaptiveMaxPool2d(30000)),
    "a wide step": _instead(lambda: nn.ConvTranspose2d(3, 16, 3, 900)),
}


def write_network(kind: str, path: Path, folder: Path) -> None:
    """Write a checkpoint with one of `NETWORKS`."""
    description = folder / "small.yaml"
    description.write_text(described(), encoding="utf-8")
    model = load(description).model
    more = NETWORKS[kind](model)
    torch.save({"model": model, **more}, path)


# ---- JSON ----------------------------------------------------------------------------------------

TEXTS = {
    "deep": "[" * 100_000,
    "deep and whole": "[" * 900 + "]" * 900,
    "deep in mappings": '{"a":' * 900 + "1" + "}" * 900,
    "digits": '{"version": 1, "seed": ' + "9" * 5000 + "}",
    "fewer digits": '{"version": 1, "seed": ' + "9" * 400 + "}",
    "lists": '{"version": 1, "selection": [' + "[]," * 3_000_000 + "[]]}",
    "mappings": '{"version": 1, "selection": [' + "{}," * 3_000_000 + "{}]}",
    "large": '{"version": 1, "criterion": "' + "x" * (40 << 20) + '"}',
}


def written(path: Path, data: Any) -> Path:
    """Write text, bytes or plain data."""
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path
