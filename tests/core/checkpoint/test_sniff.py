"""Files that people really drop, each named for what it is in one sentence."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import tarfile
import time
import zipfile

import pytest

from core.checkpoint import load
from core.checkpoint.sniff import check_file
from core.errors import UserError


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("best.pt"))
    return buffer.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


def engine() -> bytes:
    metadata = json.dumps({"task": "detect"}).encode()
    return struct.pack("<I", len(metadata)) + metadata + b"ftrt" + bytes(64)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 6549796\n"
CASES = {
    "empty": (b"", "is empty", "Download"),
    "lfs": (LFS, "Git LFS pointer", "git lfs pull"),
    "page": (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "web page", "download link"),
    "page without a type": (b"<head></head><HTML>", "web page", "download link"),
    "json": (b'{"message": "Not Found"}', "JSON", "checkpoint"),
    "text": ("Größe: n\n".encode() * 500, "text file", "yaml"),
    "xml": (b"<?xml version='1.0'?><net name='yolov8n'>", "XML", "exported from"),
    "safetensors": (safetensors(), "safetensors", "save it"),
    "tensorrt": (b"ftrt" + bytes(60), "TensorRT", "exported from"),
    "ultralytics engine": (engine(), "TensorRT", "exported from"),
    "tflite": (b"\x1c\0\0\0TFL3" + bytes(20), "TensorFlow Lite", "exported from"),
    "keras": (b"\x89HDF\r\n\x1a\n" + bytes(20), "Keras", "exported from"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(20), "PNG image", "checkpoints"),
    "gzip": (b"\x1f\x8b\x08" + bytes(20), "gzip", "Unpack"),
    "tar": (tarred(), "tar archive", "Unpack"),
    "other zip": (zipped(**{"word/document.xml": b"x"}), "exported model", "exported from"),
    "zip of a checkpoint": (zipped(**{"weights/best.pt": b"x"}), ".pt file inside", "Unpack"),
    "zip of a folder": (zipped(**{"a/best/data.pkl": b"x"}), "unpacked checkpoint", "Unpack"),
    "numpy": (zipped(**{"w.npy": b"x"}), "NumPy", "checkpoints"),
    "photos": (zipped(**{"a.jpg": b"x"}), "something else", "checkpoints"),
    "torchscript": (zipped(a__code__b=b"", a__constants=b""), "TorchScript", "exported from"),
    "noise": (random.Random(1).randbytes(5000), "not a model", "download it again"),
    "zeros": (bytes(5000), "not a model", "download it again"),
    "zip header alone": (b"PK\x03\x04" + bytes(500), "damaged", "again"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_is_named(case, tmp_path):
    data, message, hint = CASES[case]
    path = tmp_path / "yolov8n.pt"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        load(path)
    assert message in caught.value.message
    assert str(path) in caught.value.message
    assert hint.lower() in caught.value.hint.lower()
    assert "\n" not in caught.value.message
    assert path.read_bytes() == data


def test_a_name_that_is_not_there_is_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="never downloads anything"):
        load("yolov8n.pt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["https://example.org/yolov8n.pt", "ul://a/b", "a\0b.pt", "x" * 5000]
)
def test_names_that_are_no_files(name):
    with pytest.raises(UserError):
        load(name)


def test_a_folder(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        load(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(UserError, match="exported from"):
        load(tmp_path)
    (tmp_path / "net.yaml").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        load(tmp_path / "net.yaml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.pt")
    with pytest.raises(UserError, match="not a regular file"):
        load(tmp_path / "a.pt")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_of_someone_else(stock_file, tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(stock_file.read_bytes())
    path.chmod(0)
    with pytest.raises(UserError, match=r"permission|may not be read"):
        load(path)


def test_an_onnx_export(tmp_path):
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "g", [], [])
    for count, producer in enumerate(["pytorch", ""]):
        path = tmp_path / f"{count}.pt"
        model = onnx.helper.make_model(graph, producer_name=producer)
        path.write_bytes(model.SerializeToString())
        with pytest.raises(UserError, match="ONNX export"):
            load(path)


def test_a_torchscript_export(tmp_path):
    import torch

    path = tmp_path / "yolov8n.torchscript.pt"
    torch.jit.trace(torch.nn.Conv2d(3, 4, 1), torch.zeros(1, 3, 8, 8)).save(path)
    with pytest.raises(UserError, match="TorchScript export"):
        load(path)


def test_a_checkpoint_named_code_is_no_torchscript(stock_file, tmp_path):
    import torch

    path = tmp_path / "code.pt"
    torch.save({"model": None}, path)
    with pytest.raises(UserError, match="no network under"):
        load(path)


def test_an_archive_that_unpacks_to_too_much(tmp_path):
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", b"\x80\x02}.")
        with archive.open("bomb/data/0", "w") as stream:
            for _ in range(100):
                stream.write(bytes(1 << 20))
    began = time.perf_counter()
    with pytest.raises(UserError, match="unpack to far more"):
        load(path)
    assert time.perf_counter() - began < 1  # 0.001 s alone on the machine


def test_checking_a_large_file_is_quick(tmp_path):
    path = tmp_path / "large.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("large/data.pkl", b"\x80\x02}.")
        for index in range(13):
            archive.writestr(f"large/data/{index}", os.urandom(1000) * 10_000)
    check_file(path)
    began = time.perf_counter()
    check_file(path)
    assert time.perf_counter() - began < 1  # 0.05 s alone on the machine
