"""What a runtime is: how a network is run to be timed, and what that needs here. No torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.registry import Registry, resolve
from core.system.program import to_install
from core.system.size import TRAINED_SIZE, ImageSize
from core.system.versions import has_module

if TYPE_CHECKING:
    from torch import nn

Run = Callable[[], object]
"""Runs a network once on one input, and returns when the outputs are there."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a network is run.

    Attributes
    ----------
    batch : int
    image_size : ImageSize
        Of the image; rounded up to multiples of the network's stride.
    threads : int
        Threads of the runtime on a CPU.
    half : bool
        FP16; on a GPU only.
    device : str
        ``cpu`` or ``cuda``.
    """

    batch: int = 1
    image_size: ImageSize = TRAINED_SIZE
    threads: int = 1
    half: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_size", ImageSize.of(self.image_size))


Prepare = Callable[["nn.Module", Settings, Path], Run]


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime by name.

    Attributes
    ----------
    name, title : str
    needs : tuple of str
        Python modules that must be installed.
    packages : str
        What to pass to pip to get them.
    gpu_only : bool
        Whether it needs an NVIDIA GPU.
    prepare : callable or str
        The function, or its name as ``module:function``. It takes a network, the settings and an
        empty folder for whatever file it needs, and returns what runs the network once.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    packages: str
    gpu_only: bool
    prepare: Prepare | str

    def missing(self) -> UserError | None:
        """Return what prevents running here, in words; None when nothing does."""
        absent = [name for name in self.needs if not installed(name)]
        if absent:
            what = f"{self.title} is not installed ({', '.join(absent)})."
            return UserError(what, to_install(self.packages) if self.packages else "")
        if self.gpu_only and not cuda_available():
            return UserError(f"{self.title} needs an NVIDIA GPU; none was found.", "")
        return None

    def to_json(self) -> dict[str, Any]:
        """Return plain data, with what is missing here, or null."""
        problem = self.missing()
        return {
            "name": self.name,
            "title": self.title,
            "missing": None if problem is None else str(problem),
        }

    def run(self, model: nn.Module, settings: Settings, folder: Path) -> Run:
        """Return what runs a network once."""
        made: Run = resolve(self.prepare)(model, settings, folder)
        return made

    def version(self) -> str:
        """Version of the library that runs the network."""
        module = importlib.import_module(self.needs[-1])
        return str(getattr(module, "__version__", "unknown"))


def installed(name: str) -> bool:
    """Whether a Python module is there; it is not imported."""
    return has_module(name)


def cuda_available() -> bool:
    """Whether torch sees an NVIDIA GPU."""
    import torch

    return torch.cuda.is_available()


RUNTIMES: Registry[Runtime] = Registry(
    "runtime",
    Runtime,
    "secateur.runtimes",
    {
        "torch": Runtime(
            "torch", "PyTorch", ("torch",), "", False, "core.ship.latency.runtimes:prepare_torch"
        )
    },
)
"""Those of no export format; the others are in their format's row."""
