"""Networks on images without labels: what they find, what is kept of it, and files that are bad."""

from __future__ import annotations

import copy
import json
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import core
from core.cli.main import main
from core.compare.images import match
from core.engine.models import ModelStore
from core.engine.tasks import find_task
from core.errors import CancelledError, UserError
from core.tryout import sources
from core.tryout.agreement import class_counts, count, marks, matched, total
from core.tryout.frames import Shots
from core.tryout.networks import Network, _mask_overlap, objects_of, overlaps_of, times_of
from core.tryout.run import try_networks
from core.tryout.sources import MOST_FRAMES, MOST_IMAGES, can_try, evenly, find_sources
from tests.core.networks import untrained

FAMILIES = (
    "yolov8n", "yolov8n-seg", "yolov8n-pose", "yolov8n-obb", "yolov8n-cls", "yolov10n", "rtdetr-l",
)  # fmt: skip


@pytest.fixture(scope="module")
def images(scenes) -> Path:
    return scenes.parent / "images" / "val"


@pytest.fixture(scope="module")
def pruned(trained, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pruned") / "pruned.pt"
    plan = core.Plan(selection=[{"block": number, "ratio": 0.5} for number in (4, 5)])
    core.prune(core.load(str(trained)), plan, str(path))
    return path


@pytest.fixture(scope="module")
def tried(trained, pruned, images):
    return try_networks([trained, trained, pruned], [images])


def video(path: Path, frames: int, code: str = "MJPG", side: int = 64) -> Path:
    """Write a short video whose frames get lighter."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), 10, (side, side))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(np.full((side, side, 3), number * 255 // max(frames, 2), np.uint8))
    writer.release()
    return path


def photo(path: Path, size: tuple[int, int] = (64, 48)) -> Path:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)).save(path)
    return path


# ---- what is found ---------------------------------------------------------------------------


def test_objects_are_those_that_stock_ultralytics_finds(trained, images, tried):
    from ultralytics import YOLO

    stock = YOLO(str(trained))
    for image in tried["images"]:
        size = tried["image_size"]
        (want,) = stock.predict(image["image"], conf=0.05, imgsz=size, verbose=False)
        found = image["objects"][0]
        assert len(found) == len(want.boxes)
        for one, place, sure in zip(found, want.boxes.xywhn, want.boxes.conf, strict=True):
            values = [one["x"], one["y"], one["width"], one["height"]]
            np.testing.assert_allclose(values, place.tolist(), atol=2e-5)
            assert one["confidence"] == pytest.approx(float(sure), abs=1e-4)
    assert sum(len(image["objects"][0]) for image in tried["images"]) > 16
    assert [image["title"] for image in tried["images"]] == sorted(p.name for p in images.iterdir())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_task_has_objects_that_the_same_network_keeps(family):
    loaded = copy.deepcopy(untrained(family))
    if loaded.facts.task == "segment":  # untrained masks are empty
        torch.manual_seed(5)  # masks that are not empty, which Ultralytics leaves out
        for head in loaded.model.model[-1].cv4:
            head[-1].bias.data.uniform_(-0.2, 1.0)
    network = Network(loaded, 64, 1e-7, "cpu")
    pixels = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    result = network(pixels)
    objects = objects_of(result)
    assert objects
    assert [o["confidence"] for o in objects] == sorted(
        (o["confidence"] for o in objects), reverse=True
    )
    if loaded.facts.task != "classify":
        assert all(-0.01 <= o["x"] <= 1.01 and o["width"] >= 0 for o in objects)
    if loaded.facts.task in ("segment", "obb"):
        assert any(len(o.get("points", ())) >= 4 for o in objects)
    if loaded.facts.task == "pose":
        assert all(len(o["keypoints"]) == 17 for o in objects)
    pairs = overlaps_of(result, result, (objects, objects))
    alike = {one for one, other, overlap in pairs if one == other and overlap > 0.99}
    drawn = [n for n, o in enumerate(objects) if len(o.get("points", "....")) >= 3]
    if loaded.facts.task == "pose":  # similarity is over keypoints that are seen
        drawn = [n for n in drawn if any(seen >= 0.5 for *_, seen in objects[n]["keypoints"])]
    if loaded.facts.task == "classify":
        drawn = [0]
    assert {n for n in drawn if objects[n].get("width", 1) > 1e-3} - alike == set()
    assert set(times_of(result)) == {"preprocess", "inference", "postprocess"}


def test_the_first_run_of_a_shape_is_not_the_one_that_is_timed(trained):
    network = Network(core.load(str(trained)), 64, 0.25, "cpu")
    runs = []
    network._predictor.model.backend.model.register_forward_hook(lambda *_: runs.append(1))
    wide, high = np.zeros((40, 64, 3), np.uint8), np.zeros((64, 40, 3), np.uint8)
    made = []
    for pixels in (wide, wide, high, high):
        before = len(runs)
        assert times_of(network(pixels))["inference"] > 0
        made.append(len(runs) - before)
    assert made[1] == made[3] == 1
    assert made[0] >= 2 and made[2] == 2


def test_an_image_that_is_stored_turned_is_seen_upright(trained, images, tmp_path):
    upright = sorted(images.iterdir())[0]
    with Image.open(upright) as image:
        image.save(tmp_path / "a.png")
        exif = Image.Exif()
        exif[0x0112] = 6
        turned = image.transpose(Image.Transpose.ROTATE_90)
        turned.save(tmp_path / "b.png", exif=exif)
    result = try_networks([trained], [tmp_path / "a.png", tmp_path / "b.png"])
    one, other = (image["objects"][0] for image in result["images"])
    assert one == other and one


# ---- what is kept ----------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(confidence=st.floats(0.05, 1.0))
def test_counts_add_up_at_every_confidence(tried, confidence):
    for image in tried["images"]:
        base = count(image, 0, confidence)
        assert base.found == sum(o["confidence"] >= confidence for o in image["objects"][0])
        same = count(image, 1, confidence)
        assert (same.found, same.lost, same.new) == (base.found, 0, 0)
        other = count(image, 2, confidence)
        assert other.found == sum(o["confidence"] >= confidence for o in image["objects"][2])
        assert other.kept + other.lost == base.found
        assert other.kept + other.new == other.found
        outcomes = [mark["outcome"] for mark in marks(image, 2, confidence)]
        assert [outcomes.count(word) for word in ("kept", "lost", "new")] == [
            other.kept, other.lost, other.new,
        ]  # fmt: skip
    sums = [sum(counts) for counts in zip(*class_counts(tried, confidence).values(), strict=True)]
    assert sums in ([], [total(tried, n, confidence).found for n in range(3)])


@given(st.data())
def test_objects_are_matched_as_in_a_comparison(data):
    rows, columns = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 6))
    overlap = st.sampled_from([0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9])
    table = np.array(
        [[data.draw(overlap) for _ in range(columns)] for _ in range(rows)], float
    ).reshape(rows, columns)
    _, want = match(table, np.array([0.5]))
    pairs = [(one, other, value) for (one, other), value in np.ndenumerate(table) if value >= 0.5]
    found = matched(pairs, set(range(rows)), range(columns))
    assert [found.get(n, -1) for n in range(columns)] == want.tolist()


def test_an_object_of_another_class_is_not_kept(trained, images):
    loaded = core.load(str(trained))
    pixels = cv2.imread(str(sorted(images.iterdir())[0]))
    first = Network(loaded, 160, 0.25, "cpu")(pixels)
    loaded.model.names = {number: f"other {name}" for number, name in loaded.model.names.items()}
    second = Network(loaded, 160, 0.25, "cpu")(pixels)
    objects = objects_of(first), objects_of(second)
    assert objects[0] and len(objects[0]) == len(objects[1])
    assert overlaps_of(first, second, objects) == []
    assert len(overlaps_of(first, first, (objects[0], objects[0]))) >= len(objects[0])


def test_the_pruned_network_keeps_some_and_loses_some(tried):
    other = total(tried, 2, 0.25)
    assert other.kept and other.lost


@given(
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_masks_overlap_as_much_as_their_areas_say(one, other):
    def corners(numbers):
        (left, right), (top, bottom) = sorted(numbers[:2]), sorted(numbers[2:])
        left, top = left * 0.4, top * 0.4  # none is a line
        right, bottom = 0.5 + right * 0.5, 0.5 + bottom * 0.5
        return left, top, right, bottom

    def mark(left, top, right, bottom):
        return {"points": [[left, top], [right, top], [right, bottom], [left, bottom]]}

    a, b = corners(one), corners(other)
    shared = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    want = shared / (sum(areas) - shared)
    assert _mask_overlap(mark(*a), mark(*b)) == pytest.approx(want, abs=0.06)


# ---- which files -----------------------------------------------------------------------------


def test_endings_are_those_of_ultralytics():
    from ultralytics.data.utils import IMG_FORMATS, VID_FORMATS

    assert sources.IMAGES == IMG_FORMATS
    assert sources.VIDEOS == VID_FORMATS


@given(st.integers(0, 5000), st.integers(1, 300))
def test_what_is_taken_is_spread_evenly(number, most):
    taken = evenly(number, most)
    assert len(taken) == min(number, most)
    assert taken == sorted(set(taken)) and set(taken) <= set(range(number))
    gaps = {b - a for a, b in pairwise(taken)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_a_folder_of_images_is_no_dataset(tmp_path, images):
    assert can_try(images)
    assert can_try("cat.JPG") and can_try("clip.mp4") and not can_try("net.pt")
    assert not can_try(tmp_path)  # empty
    photo(tmp_path / "a.png")
    assert can_try(tmp_path)
    (tmp_path / "data.yaml").write_text("names: [a]")
    assert not can_try(tmp_path)
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "train").mkdir()
    assert not can_try(tmp_path)


def test_a_folder_that_cannot_be_read_is_no_folder_of_images(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    photo(tmp_path / "a.png")
    monkeypatch.setattr(sources.os, "scandir", refuse)
    assert not can_try(tmp_path) and sources.describe([tmp_path]) == "no images"
    with pytest.raises(UserError, match=r"Could not read the folder .*: permission denied"):
        find_sources([tmp_path])


def test_of_many_images_some_are_taken_and_that_is_said(tmp_path):
    for number in range(MOST_IMAGES + 30):
        (tmp_path / f"{number:04d}.png").touch()
    found = find_sources([tmp_path, tmp_path / "0000.png"])
    assert len(found.images) == MOST_IMAGES
    assert found.left_out == (
        f"{MOST_IMAGES} of {MOST_IMAGES + 30} images are used, taken evenly.",
    )
    assert sources.describe([tmp_path]) == f"{MOST_IMAGES + 30} images"
    assert sources.describe([tmp_path / "0000.png"]) == "0000.png"


@pytest.mark.parametrize(
    ("name", "words"),
    [("none.jpg", "does not exist"), ("notes.txt", "neither an image"), ("empty", "no images")],
)
def test_what_is_no_image_is_refused_with_a_hint(tmp_path, name, words):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=words) as caught:
        find_sources([tmp_path / name])
    assert caught.value.hint


def bad_files(folder: Path) -> dict[str, str]:
    """Make images that cannot be used; returns words of the reason by name."""
    whole = photo(folder / "whole.jpg", (200, 150)).read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "cut.png").write_bytes(photo(folder / "x.png", (200, 150)).read_bytes()[:900])
    (folder / "x.png").unlink()
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("not an image at all")
    (folder / "noise.webp").write_bytes(np.random.default_rng(1).bytes(4000))
    photo(folder / "tiny.png", (3, 3))
    (folder / "huge.png").write_bytes(png_header(30_000, 30_000))
    (folder / "large.png").write_bytes(png_header(11_000, 11_000))
    (folder / "folder.jpg").mkdir()
    return {
        "cut.jpg": "cannot be read", "cut.png": "", "empty.png": "not an image",
        "text.jpg": "not an image", "noise.webp": "not an image", "tiny.png": "too small",
        "huge.png": "megapixels", "large.png": "too large",
    }  # fmt: skip


def png_header(width: int, height: int) -> bytes:
    """Return the beginning of a huge image, as one that is meant to fill the memory has it."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 10_000))]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_images_are_skipped_with_the_reason_and_the_others_are_tried(trained, tmp_path):
    reasons = bad_files(tmp_path)
    result = try_networks([trained], [tmp_path])
    assert [image["title"] for image in result["images"]] == ["whole.jpg"]
    skipped = {Path(one["file"]).name: one["reason"] for one in result["skipped"]}
    assert set(skipped) == set(reasons)
    for name, words in reasons.items():
        assert words in skipped[name], (name, skipped[name])
        assert skipped[name].endswith(".") and "\n" not in skipped[name]
    with pytest.raises(UserError, match=r"tiny.png cannot be used. It is too small: 3 × 3 pixels"):
        try_networks([trained], [tmp_path / "tiny.png"])


@settings(max_examples=40, deadline=None)
@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255))))
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_damaged_file_is_an_image_or_a_reason(tmp_path_factory, cut, flips):
    folder = tmp_path_factory.mktemp("damaged")
    for name in ("a.jpg", "b.png", "c.tif"):
        data = bytearray(photo(folder / name).read_bytes())
        for place, value in flips:
            data[int(place * (len(data) - 1))] = value
        (folder / name).write_bytes(bytes(data[: int(cut * len(data))]))
    shots = Shots(find_sources([folder]))
    seen = list(shots)
    assert len(seen) + len(shots.skipped) == 3
    assert all(shot.pixels.dtype == np.uint8 and shot.pixels.ndim == 3 for shot in seen)


# ---- videos ----------------------------------------------------------------------------------


def test_a_video_is_sampled_evenly_and_that_is_said(trained, tmp_path):
    clip, keep = video(tmp_path / "clip.avi", 100), tmp_path / "keep"
    keep.mkdir()
    result = try_networks([trained], [clip], keep=keep)
    assert len(result["images"]) == MOST_FRAMES
    assert result["left_out"] == [
        f"{MOST_FRAMES} frames of clip.avi are used, taken evenly from 100."
    ]
    titles = [image["title"] for image in result["images"]]
    assert titles[:2] == ["clip.avi, frame 1, 0.0 s", "clip.avi, frame 3, 0.2 s"]
    light = [np.asarray(Image.open(image["image"])).mean() for image in result["images"]]
    assert light == sorted(light) and light[-1] > 220
    assert sorted(map(str, keep.iterdir())) == [image["image"] for image in result["images"]]
    assert all(image["image"] == "" for image in try_networks([trained], [clip])["images"])


def test_a_short_video_is_read_whole(tmp_path):
    shots = Shots(find_sources([video(tmp_path / "clip.avi", 7)]))
    assert len(list(shots)) == 7 and not shots.left_out and not shots.skipped


def test_a_video_that_is_searched_can_be_cancelled(tmp_path):
    def stop():
        raise CancelledError

    shots = Shots(find_sources([video(tmp_path / "clip.avi", 60)]), check=stop)
    with pytest.raises(CancelledError):
        list(shots)
    (tmp_path / "clip.avi").unlink()


def test_an_animated_gif_is_a_video(tmp_path):
    frames = [Image.new("RGB", (32, 32), (n * 20, 0, 0)) for n in range(5)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert len(list(Shots(find_sources([tmp_path / "a.gif"])))) == 5


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5])
def test_a_video_that_is_cut_off_gives_its_frames_or_a_reason(tmp_path, share):
    whole = video(tmp_path / "clip.avi", 60).read_bytes()
    (tmp_path / "clip.avi").write_bytes(whole[: int(share * len(whole))])
    shots = Shots(find_sources([tmp_path / "clip.avi"]))
    seen = len(list(shots))
    assert (seen == 0) == bool(shots.skipped)
    assert seen < 60


# ---- refused, cancelled ----------------------------------------------------------------------


def test_networks_of_different_tasks_are_refused(trained, images):
    with pytest.raises(UserError, match=r"yolov8n-cls\.yaml for “classify”"):
        try_networks([trained, "yolov8n-cls.yaml"], [images])
    with pytest.raises(UserError, match="not between 0 and 1"):
        try_networks([trained], [images], confidence=1.5)
    with pytest.raises(UserError, match="No network"):
        try_networks([], [images])
    with pytest.raises(UserError, match="at most 6"):
        try_networks([trained] * 7, [images])


def test_it_can_be_cancelled_at_any_image(trained, images, tmp_path, capsys):
    seen = []

    def stop(share, text):
        seen.append(share)
        if text.startswith("Image 3"):
            raise CancelledError

    with pytest.raises(CancelledError):
        try_networks([trained], [images], progress=stop)
    assert seen == sorted(seen) and len(seen) >= 4


# ---- from outside ----------------------------------------------------------------------------


def test_the_engine_task_answers_with_plain_data(trained, pruned, images):
    args = {"paths": [str(trained), str(pruned)], "sources": [str(images)]}
    seen = []

    class Hears:
        def __call__(self, share, text):
            assert 0.0 <= share <= 1.0 and text

        def partial(self, data):
            seen.append(data)

    result = find_task("try")(ModelStore(), args, Hears())
    assert [one for data in seen for one in data["images"]] == result["images"]
    assert all(data["networks"] == result["networks"] for data in seen)
    again = json.loads(json.dumps(result, allow_nan=False))
    assert len(again["images"]) == 16 and len(again["networks"]) == 2
    assert total(again, 1, 0.25) == total(result, 1, 0.25)


def test_the_command_writes_pictures_and_counts(trained, pruned, images, tmp_path, capsys):
    clip = video(tmp_path / "clip.avi", 3)
    out = tmp_path / "out"
    words = ["try", str(trained), str(pruned), str(images), str(clip), "-o", str(out)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "19 images at" in text and f"19 pictures in {out}" in text
    pictures = sorted(out.iterdir())
    assert len(pictures) == 19
    with Image.open(pictures[0]) as sheet:
        assert sheet.width > 2 * 320 and sheet.height > 320
    assert main([*words[:-1], str(out)]) == 1  # it is not empty
    assert "is not empty" in capsys.readouterr().err
    assert main(["try", str(trained), str(clip), "--json", "--confidence", "0.5"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["confidence"] == 0.5 and answer["counts"][0]["found"] >= 0
    assert main(["try", str(trained), str(pruned)]) == 1
    assert "No image was given" in capsys.readouterr().err
