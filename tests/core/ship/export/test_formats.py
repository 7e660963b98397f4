"""The table of formats against what Ultralytics' exporter says of itself."""

from __future__ import annotations

import sys

import pytest
from ultralytics.engine.exporter import (
    FP16_FORMATS,
    FP32_UNSUPPORTED_FORMATS,
    INT8_FORMATS,
    W8A16_FORMATS,
    export_formats,
)

from core.errors import UserError
from core.plan.latency.files import LIBRARIES, describe
from core.ship.export import format as kinds
from core.ship.export.formats import FORMATS, Format, format_of
from core.ship.latency.runtime import Runtime


def test_the_table_says_what_the_exporter_says():
    theirs = export_formats()
    suffixes = dict(zip(theirs["Argument"], theirs["Suffix"], strict=True))
    options = dict(zip(theirs["Argument"], theirs["Arguments"], strict=True))
    assert set(FORMATS) == set(theirs["Argument"]) - {"-"}  # what is left out is PyTorch's own
    for form in FORMATS.values():
        assert form.suffix == suffixes[form.name]
        assert ("fp32" in form.precisions) == (form.name not in FP32_UNSUPPORTED_FORMATS)
        assert ("fp16" in form.precisions) == (form.name in FP16_FORMATS)
        named = {8: INT8_FORMATS, "w8a16": W8A16_FORMATS}[form.int8]
        assert ("int8" in form.precisions) == (form.name in named)
        assert form.calibrates == ("int8" in form.precisions and "data" in options[form.name])


def test_a_missing_tool_is_one_sentence_that_names_the_package():
    form = Format("x", "X", ".x", {"no_such_module": "no-such-package"})
    error = form.missing()
    assert error.message == "X needs no-such-package, which is not installed."
    assert "pip install no-such-package" in error.hint
    with pytest.raises(UserError, match="no-such-package"):
        form.check("detect", "fp32")
    assert "no-such-package" in form.to_json()["missing"]


def test_a_missing_program_is_named_with_where_it_comes_from():
    compiler = {"no-such-compiler": "X sells it."}
    error = Format("x", "X", ".x", {}, programs=compiler).missing()
    assert error.message == "X needs no-such-compiler, which is not installed."
    assert error.hint == "X sells it."
    absent = {"no_such_module": "a", "nor_this": "b"}
    error = Format("x", "X", ".x", absent, programs=compiler).missing()
    assert error.message == "X needs a, b and no-such-compiler, which are not installed."
    assert "pip install a b" in error.hint and error.hint.endswith("X sells it.")
    error = Format("x", "X", ".x", absent, source="X has an index.").missing()
    assert error.hint == "X has an index."


def test_a_packaged_program_does_not_send_people_to_a_pip_it_has_not(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    for hint in (
        Format("x", "X", ".x", {"no_such_module": "no-such-package"}).missing().hint,
        Runtime("x", "X", ("no_such_module",), "no-such-package", False, None).missing().hint,
    ):
        assert hint.startswith(
            "Packages cannot be added to the packaged program: install Secateur with"
        )
        assert hint.endswith("pip install no-such-package.")
    monkeypatch.setitem(LIBRARIES, "onnx", "no-such-package")
    with pytest.raises(UserError) as told:
        describe("onnx")
    assert told.value.hint.startswith("Packages cannot be added to the packaged program")


def test_what_a_format_does_not_have_is_refused(monkeypatch):
    monkeypatch.setattr(kinds, "cuda_available", lambda: False)
    with pytest.raises(UserError, match="TorchScript does not support INT8"):
        format_of("jit").check("detect", "int8")
    with pytest.raises(UserError, match="FP16 needs an NVIDIA GPU"):
        format_of("torchscript").check("detect", "fp16")
    with pytest.raises(UserError, match="does not support the task “obb”"):
        format_of("imx").check("obb", "int8")
    with pytest.raises(UserError, match=r"no export format “tflight”.*Use one of onnx"):
        format_of("tflight")
    elsewhere = Format("y", "Y", ".y", {}, systems=("elsewhere",))
    assert "do not run on" in elsewhere.missing().message
    assert Format("z", "Z", ".z", {}, systems=(sys.platform,)).missing() is None
    assert "NVIDIA" in Format("g", "G", ".g", {}, gpu=True).missing().message
