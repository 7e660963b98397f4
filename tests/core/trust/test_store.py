"""The list of trusted modules, and what is read of them before they are trusted."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.errors import UserError
from core.system.visible import visible_code
from core.trust.source import read_new, read_source
from core.trust.store import add, agreed, digest, remove, state_of, store_file, trusted, verified
from tests.core.trust.conftest import EXAMPLES, Trust

NAMES = some.lists(
    some.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,2}\.(py|txt)", fullmatch=True),
    min_size=1, max_size=4, unique_by=lambda name: name.split("/")[0],
)  # fmt: skip


def package(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in {"__init__.py": b"", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_file_has_the_hash_that_other_programs_give(tmp_path: Path) -> None:
    path = EXAMPLES / "attention.py"
    source = read_new(path)
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.shown() == path.read_text("utf-8")
    assert "CoordAtt" in source.classes()["attention.py"]


@given(names=NAMES, data=some.data())
def test_a_package_is_pinned_by_every_file(names, data, tmp_path_factory) -> None:
    contents = {name: data.draw(some.binary(max_size=8)) for name in names}
    folder = package(tmp_path_factory.mktemp("packages") / "mine", contents)
    before = read_source(folder).sha256
    assert read_source(folder / "__init__.py").sha256 == before
    changed = data.draw(some.sampled_from(names))
    how = data.draw(some.sampled_from(["append", "remove", "rename", "add"]))
    if how == "append":
        (folder / changed).write_bytes(contents[changed] + b"#")
    elif how == "remove":
        (folder / changed).unlink()
    elif how == "rename":
        (folder / changed).rename(folder / f"{changed}x")
    else:
        (folder / "new_file").write_bytes(b"")
    assert read_source(folder).sha256 != before
    # What Python leaves next to a package is never run, and does not count.
    known = read_source(folder).sha256
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert read_source(folder).sha256 == known


@given(some.text())
def test_all_characters_can_be_seen(text: str) -> None:
    shown = visible_code(text)
    assert all(sign.isprintable() or sign in "\n\t" for sign in shown)
    if all(sign.isprintable() or sign in "\n\t" for sign in text):
        assert shown == text


@pytest.mark.parametrize("hidden", ["\x1b[2J", "‮", "⁦", "\r", "\x00", "​", "\x0c", "\x85"])
def test_what_would_be_hidden_is_spelt_out(hidden: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(f"a = 1  # {hidden}run()\n".encode())
    assert hidden not in read_new(path).shown()


def test_the_list_is_the_users_own(trust: Trust) -> None:
    entry = trust(EXAMPLES / "attention.py")
    if os.name == "posix":
        assert store_file().stat().st_mode & 0o777 == 0o600
    assert trusted() == (entry,) and verified(entry).sha256 == entry.sha256
    before = digest()
    trust(EXAMPLES / "dynamic.py")
    assert digest() not in ("", before)
    assert state_of(read_new(EXAMPLES / "attention.py")) == "trusted"
    assert remove("attention")[0] == entry
    assert remove(str(EXAMPLES / "dynamic.py"))[0].name == "dynamic"
    assert trusted() == () and digest() == ""
    with pytest.raises(UserError, match="No module attention is trusted"):
        remove("attention")


def test_names(trust: Trust, tmp_path: Path) -> None:
    """One name is one module, but for the names of Ultralytics' modules."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(f"class {name.title()}: pass\n", "utf-8")
    trust(tmp_path / "one.py", "ours.blocks")
    with pytest.raises(UserError, match=r"trusted as ours\.blocks"):
        trust(tmp_path / "two.py", "ours.blocks")
    for name in ("one", "two"):
        trust(tmp_path / f"{name}.py", "ultralytics.nn.modules.block")
    assert len(trusted()) == 3
    for name in ("", "class", "a..b", "1a", "os", "torch.nn", "core", "numpy", "ultralytics.utils"):
        if name:
            with pytest.raises(UserError):
                read_new(tmp_path / "one.py", name)


BROKEN = (
    b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 2, "modules": []}', b'{"version": 1}',
    b'{"version": 1, "modules": [{}]}', b'{"version": 1, "modules": [{"name": 1, "path": "", '
    b'"sha256": ""}]}', b'{"version": 1, "modules": 5}', b"[" * 100_000,
)  # fmt: skip


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_damaged_list_trusts_nothing(content: bytes, trust: Trust) -> None:
    trust(EXAMPLES / "attention.py")
    store_file().write_bytes(content)
    assert agreed() == ()
    for act in (trusted, lambda: add(read_new(EXAMPLES / "dynamic.py")), lambda: remove("x")):
        with pytest.raises(UserError, match="list of trusted modules") as caught:
            act()
        assert "\n" not in str(caught.value)
    assert store_file().read_bytes() == content


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o622, 0o606, 0o660])
def test_a_list_that_others_can_change_trusts_nothing(mode: int, trust: Trust) -> None:
    trust(EXAMPLES / "attention.py")
    store_file().chmod(mode)
    assert agreed() == ()
    with pytest.raises(UserError, match="can be changed by others"):
        trusted()


def test_the_list_is_plain_data(trust: Trust) -> None:
    entry = trust(EXAMPLES / "attention.py")
    data = json.loads(store_file().read_text("utf-8"))
    assert data["modules"] == [
        {"name": "attention", "path": str(EXAMPLES / "attention.py"), "sha256": entry.sha256}
    ]
