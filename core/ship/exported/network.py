"""An exported file as a network: opened by Ultralytics, in the runtime of its format.

Nothing is installed, unpickled or asked of the network. The runtime parses the file, so that a
file is trusted as far as its runtime is: ONNX Runtime, OpenVINO and NCNN compute only. Code of
TorchScript files is looked through first (`core.ship.exported.script`). A TensorRT engine is code
for the GPU, which NVIDIA wants opened only where it is trusted.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from core.checkpoint import Facts, Loaded
from core.data.runtime import RuntimeNetwork
from core.errors import UserError
from core.ship.export.exporter import brief, sealed
from core.ship.export.format import Format
from core.ship.export.formats import FORMATS
from core.ship.exported.metadata import (
    Metadata,
    exported_format,
    hash_of_network,
    read_metadata,
)
from core.ship.exported.outputs import check_outputs
from core.ship.exported.script import check_script
from core.ship.latency.runtime import cuda_available, installed
from core.system.program import to_install

_ON_GPU = frozenset({"engine", "torchscript"})
"""Formats that run on an NVIDIA GPU where there is one, the others run on the processor."""


class ExportedNetwork(RuntimeNetwork):
    """An exported file, which is opened when it is run.

    Parameters
    ----------
    path : Path
    form : Format
    about : Metadata
    """

    def __init__(self, path: Path, form: Format, about: Metadata) -> None:
        queries = about.head == "RTDETRDecoder"
        super().__init__(about.task, about.stride, about.channels, queries=queries)
        self.path, self.form, self.about = path, form, about
        self.names = dict(about.names)
        if not about.dynamic:
            self.image_size, self.batch = about.image_size, about.batch

    def place(self, device: str) -> str:
        """Return the device that it runs on: the processor, unless its runtime knows others."""
        if self.form.gpu:
            return device if device.startswith("cuda") else "cuda"
        return device if self.form.name in _ON_GPU else "cpu"

    def opened(self, device: torch.device) -> Any:
        """Return Ultralytics' wrapper of the file, which raises `UserError` where it cannot be run.

        Raises
        ------
        UserError
            When the runtime cannot open it.
        """
        from ultralytics.nn.autobackend import AutoBackend

        with (
            self.explained("opened"),
            sealed(),
            _told(self.about),
            _in_full(self.form),
            warnings.catch_warnings(action="ignore", category=FutureWarning),  # of torch.jit.load
        ):
            backend = AutoBackend(str(self.path), device=device, verbose=False).eval()
        forward = backend.forward

        def explained(*images: Any, **options: Any) -> Any:
            with self.explained("run"):
                outputs = forward(*images, **options)
                check_outputs(self.path, self.about, outputs)
                return outputs

        backend.forward = explained  # also of what warms it up
        return backend

    @contextlib.contextmanager
    def explained(self, done: str) -> Iterator[None]:
        """Turn whatever a runtime raises into a sentence; ``done`` is what could not be done."""
        try:
            yield
        except (UserError, MemoryError, torch.OutOfMemoryError):  # the last is answered by callers
            raise
        except Exception as error:  # runtimes raise what they please
            raise UserError(
                f"{self.path} could not be {done} by {self.form.title}: {brief(error)}.",
                "It may be damaged, or made for another version; export the checkpoint again.",
            ) from error


@contextlib.contextmanager
def _told(about: Metadata) -> Iterator[None]:
    """Let Ultralytics use the metadata that was checked, and not read it again."""
    from ultralytics.nn.backends.base import BaseBackend

    apply = BaseBackend.apply_metadata

    def checked(backend: Any, metadata: Any) -> None:
        apply(backend, copy.deepcopy(about.plain()))

    with (
        mock.patch.object(BaseBackend, "apply_metadata", checked),
        mock.patch.object(BaseBackend, "read_metadata", staticmethod(lambda file: {})),
    ):
        yield


@contextlib.contextmanager
def _in_full(form: Format) -> Iterator[None]:
    """Let OpenVINO compute in FP32: on processors that have BF16 it would round to that."""
    if form.name != "openvino":
        yield
        return
    import openvino

    compile_model = openvino.Core.compile_model

    def full(core: Any, model: Any, device_name: Any = None, config: Any = None) -> Any:
        hints = {**(config or {}), "INFERENCE_PRECISION_HINT": "f32"}
        return compile_model(core, model, device_name, hints)

    with mock.patch.object(openvino.Core, "compile_model", full):
        yield


def open_exported(path: str | Path) -> Loaded:
    """Open an exported file: what it says of itself is read and checked, and its runtime looked up.

    Parameters
    ----------
    path : str or Path
        Of a format that is opened (`core.ship.exported.metadata.is_exported`).

    Returns
    -------
    Loaded
        With an `ExportedNetwork`. What the file cannot tell is empty in the facts.

    Raises
    ------
    UserError
        When it is missing, damaged, of another format, or its runtime is not installed.
    """
    file, form = Path(path), exported_format(path)
    if form is None or form.opens is None:
        known = ", ".join(one.title for one in FORMATS.values() if one.opens is not None)
        what = "no exported network" if form is None else f"a network exported to {form.title}"
        raise UserError(f"{file} is {what}.", f"These formats can be opened: {known}.")
    about = read_metadata(file, form)
    _check_runtime(form)
    if form.name == "torchscript":
        check_script(file)
    facts = Facts(
        path=str(file),
        sha256=hash_of_network(file),
        family=about.family or form.title,
        task=about.task,
        classes=dict(about.names),
        image_size=about.image_size,
        dtype={"fp32": "float32", "fp16": "float16"}.get(about.precision, about.precision),
        frozen=True,
        fused=True,
        ultralytics=about.version,
    )
    return Loaded(ExportedNetwork(file, form, about), facts, {})


def open_network(path: str | Path) -> Loaded:
    """Open a checkpoint, a model YAML or an exported file, by its name.

    Raises
    ------
    UserError
        As `open_exported`, and as `core.pipeline.load`.
    """
    from core.graph.analysis import load

    return load(path) if exported_format(path) is None else open_exported(path)


def _check_runtime(form: Format) -> None:
    absent = [package for module, package in (form.opens or {}).items() if not installed(module)]
    if absent:
        raise UserError(
            f"Networks exported to {form.title} need {absent[0]}, which is not installed.",
            to_install(" ".join(absent)),
        )
    if form.gpu and not cuda_available():
        raise UserError(f"{form.title} needs an NVIDIA GPU; none was found.", "")
