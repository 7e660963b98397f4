"""Tasks on modules of the user's own: looked at, trusted once the user agreed, listed, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.engine.tasks import Args, Models, Task
from core.progress import Progress


def review_module(_models: Models, args: Args, _progress: Progress) -> dict[str, Any]:
    """Read a module, without running it: what is known of it, and the ``text`` that would run.

    ``names`` are the classes that a file asks for, by which the module's name is found.
    """
    from core.trust.review import described, name_for
    from core.trust.source import read_new, read_source

    path, names = str(args["file"]), [str(name) for name in args.get("names") or ()]
    name = str(args.get("name") or "") or name_for(read_source(path), names)
    source = read_new(path, name)
    return {**described(source), "text": source.shown()}


def trust_module(_models: Models, args: Args, _progress: Progress) -> dict[str, Any]:
    """Trust a module if it still is what the user was shown."""
    from core.errors import UserError
    from core.trust.review import described
    from core.trust.source import read_new
    from core.trust.store import add

    source = read_new(str(args["file"]), str(args["name"]))
    if source.sha256 != args["sha256"]:
        raise UserError(
            f"{source.path} changed while it was shown, so it was not trusted.", "Look at it again."
        )
    add(source)
    return described(source)


def trusted_modules(_models: Models, _args: Args, _progress: Progress) -> dict[str, Any]:
    """List what is trusted, with its state."""
    from core.trust.review import listed

    return {"modules": listed()}


def remove_module(_models: Models, args: Args, _progress: Progress) -> dict[str, Any]:
    """Trust a module no longer."""
    from core.trust.review import listed
    from core.trust.store import remove

    remove(str(args["file"]))
    return {"modules": listed()}


TASKS: Mapping[str, Task] = {
    "review_module": review_module,
    "trust_module": trust_module,
    "trusted_modules": trusted_modules,
    "remove_module": remove_module,
}
