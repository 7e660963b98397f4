"""Deployment kits: the example finds what Secateur finds, with three packages alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core
from core.cli.main import main
from core.deploy.example import alike, resized, same_objects, suppressed
from core.deploy.kit import _quoted, check_kit, write_kit
from core.errors import UserError
from core.ship.export.formats import FORMATS
from core.ship.export.run import ExportSettings, export

ALONE = """
import importlib.abc, runpy, sys

class Alone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "ultralytics", "cv2", "core", "app"}:
            raise ImportError(name + " must not be needed")

sys.meta_path.insert(0, Alone())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SIZE = 160


def alone(kit, *arguments):
    """Run a kit's program where nothing of Secateur, torch or OpenCV can be imported."""
    command = [sys.executable, "-I", "-c", ALONE, str(kit / "detect.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=kit)


@pytest.fixture(scope="module")
def kit(trained, scenes, tmp_path_factory):
    """A kit of the demo's network with ten images of other shapes."""
    if FORMATS["onnx"].missing():
        pytest.skip(str(FORMATS["onnx"].missing()))
    folder = tmp_path_factory.mktemp("deploy")
    file = folder / "small 'network'.onnx"
    export(core.load(trained), file, ExportSettings(image_size=SIZE, compared=1))
    images = sorted((Path(scenes).parent / "images" / "val").iterdir())[:10]
    samples = []
    for number, image in enumerate(images):
        pixels = cv2.imread(str(image))
        pixels = cv2.resize(pixels, (300 + 37 * number, 420 - 23 * number))
        samples.append(folder / f"{number}.png")
        cv2.imwrite(str(samples[-1]), pixels)
    done = write_kit(file, folder / "kit", samples)
    assert done.images == 10 and done.objects > 10
    assert done.bytes > file.stat().st_size
    return done.folder


def test_the_example_finds_what_secateur_finds(kit):
    expected = json.loads((kit / "expected.json").read_text())
    done = alone(kit, *(entry["image"] for entry in expected))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["image"] for one in found] == [one["image"] for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert same_objects(one["objects"], other["objects"]), one["image"]


def test_the_example_checks_itself(kit, tmp_path):
    done = alone(kit, "--check")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("as expected") == 10
    copy = tmp_path / "copy"
    shutil.copytree(kit, copy)
    expected = json.loads((copy / "expected.json").read_text())
    changed = next(one for one in expected if one["objects"])
    changed["objects"][0]["box"][0] += 3
    (copy / "expected.json").write_text(json.dumps(expected))
    done = alone(copy, "--check")
    assert done.returncode == 1
    assert done.stdout.count("OTHERS") == 1


def test_the_readme_says_what_is_there(kit):
    text = (kit / "README.md").read_text()
    for name in (
        "kit.json",
        "detect.py",
        "detect.cpp",
        "kit.hpp",
        "CMakeLists.txt",
        "expected.json",
    ):
        assert name in text and (kit / name).is_file()
    assert text.count("| images/") == 10
    assert "{" not in text


def test_the_header_says_what_the_json_says(kit):
    facts = json.loads((kit / "kit.json").read_text())
    header = (kit / "kit.hpp").read_text()
    assert f"kHeight = {SIZE}, kWidth = {SIZE};" in header
    names = re.findall(r'"((?:[^"\\]|\\.)*)"', header.partition("kNames")[2])
    assert names == facts["names"]
    assert shutil.which("g++") is None or _compiles(kit)


def _compiles(kit):
    """Whether the compiler takes the example, as far as the libraries are there."""
    command = ["g++", "-std=c++17", "-fsyntax-only", "-x", "c++", str(kit / "kit.hpp")]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    command = ["g++", "-std=c++17", "-fsyntax-only", str(kit / "detect.cpp")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    missing = re.search(r"fatal error: (onnxruntime|opencv2).*No such file", done.stderr)
    return done.returncode == 0 or missing is not None


ARCHIVE = os.environ.get("ONNXRUNTIME", "")


@pytest.mark.skipif(
    not (ARCHIVE and shutil.which("cmake")),
    reason="needs CMake, OpenCV and ONNXRUNTIME, the folder of an archive of ONNX Runtime",
)
def test_the_cpp_example_finds_what_secateur_finds(kit, tmp_path):
    copy = tmp_path / "kit"
    shutil.copytree(kit, copy)
    for command in (
        ["cmake", "-B", "build", f"-DONNXRUNTIME={ARCHIVE}"],
        ["cmake", "--build", "build"],
    ):
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    for entry in json.loads((copy / "expected.json").read_text()):
        command = [str(copy / "build" / "detect"), entry["image"]]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        found = [
            {"class": name, "confidence": float(sure), "box": [float(x) for x in box.split()]}
            for _, name, sure, box in rows
        ]
        assert same_objects(found, entry["objects"]), entry["image"]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(0, 9),
)
def test_images_are_scaled_as_opencv_scales_them(rows, columns, height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    wanted = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    assert np.abs(resized(image, height, width).astype(int) - wanted.astype(int)).max() <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(0, 1000))
def test_boxes_are_suppressed_as_torchvision_suppresses_them(count, seed):
    import torch
    import torchvision

    generator = np.random.default_rng(seed)
    corners = generator.uniform(0, 50, (count, 2)).astype(np.float32)
    sizes = generator.uniform(1, 40, (count, 2)).astype(np.float32)
    boxes, scores = np.concatenate([corners, corners + sizes], 1), generator.random(count)
    scores = scores.astype(np.float32)
    wanted = torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.5)
    assert suppressed(boxes, scores, 0.5).tolist() == wanted.tolist()


@given(st.text(max_size=20))
def test_any_name_is_a_literal_of_cpp(name):
    literal = _quoted(name)
    assert literal.isascii() and literal.isprintable() and literal.count('"') == 2
    octal = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), literal[1:-1])
    assert octal.encode("latin-1").decode() == name


def test_objects_are_alike_within_the_margins():
    one = {"class": "a", "confidence": 0.5, "box": [0.0, 0.0, 9.0, 9.0]}
    assert alike(one, {**one, "confidence": 0.5009, "box": [1.0, 0.0, 9.0, 8.1]})
    assert not alike(one, {**one, "class": "b"})
    assert not alike(one, {**one, "confidence": 0.502})
    assert not alike(one, {**one, "box": [1.1, 0.0, 9.0, 9.0]})
    assert not same_objects([one, one], [one])
    assert not same_objects([one], [one, one])


@pytest.mark.parametrize(
    ("form", "precision", "task", "word"),
    [
        ("openvino", "fp32", "detect", "ONNX files"), ("onnx", "fp16", "detect", "FP32 and INT8"),
        ("onnx", "fp32", "pose", "not for the task “pose”"),
    ],
)  # fmt: skip
def test_what_kits_are_not_for_is_refused(tmp_path, form, precision, task, word):
    with pytest.raises(UserError, match=word):
        check_kit(tmp_path / "kit", form, precision, task)


def test_a_folder_that_holds_something_is_refused_before_the_export(tmp_path, trained, capsys):
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "mine.txt").write_text("x")
    output = tmp_path / "a.onnx"
    assert main(["export", str(trained), "-o", str(output), "--kit", str(tmp_path / "kit")]) == 1
    assert "not empty" in capsys.readouterr().err
    assert not output.exists()


def test_export_writes_a_kit_of_images_of_the_dataset(tmp_path, trained, scenes, capsys):
    if find_spec("onnxruntime") is None:
        pytest.skip("needs onnxruntime")
    command = ["export", str(trained), "-o", str(tmp_path / "a.onnx"), "--image-size", "64"]
    command += ["--data", str(scenes), "--kit", str(tmp_path / "kit"), "--json"]
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)["kit"]
    assert report["folder"] == str(tmp_path / "kit")
    assert report["images"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "kit"]
