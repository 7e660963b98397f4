"""The size of images: how it is written, read, rounded and refused."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.checkpoint.structure import image_size_of
from core.cli.main import main
from core.cli.options import with_sizes
from core.data.stream import DataSettings
from core.errors import UserError
from core.project import DataSetting
from core.ship.export.run import ExportSettings
from core.ship.latency.runtime import Settings
from core.system.size import LARGEST, ImageSize, rounded_note, size_text
from core.tune.settings import parse_settings

SIDES = st.integers(1, LARGEST)


@given(SIDES, SIDES)
def test_every_way_of_writing_a_size_is_read(height: int, width: int) -> None:
    size = ImageSize(height, width)
    written = [size, [height, width], (height, width), f"{height}x{width}", f"{height} {width}"]
    written += [f"[{height}, {width}]", f"{height}×{width}", f" {height} , {width} ", size.plain]
    assert all(ImageSize.of(one) == size for one in written)
    assert hash(ImageSize.of(size.plain)) == hash(size)
    assert pickle.loads(pickle.dumps(size)) == copy.deepcopy(size) == size
    assert (size == size.plain) and (size == [height, width]) and (size == (height, width))
    assert size != ImageSize(height, width % LARGEST + 1)
    assert (size == [width, height]) == (size == width) == (size.square)


@given(SIDES)
def test_one_number_is_a_square(side: int) -> None:
    size = ImageSize.of(side)
    assert size == ImageSize.of(str(side)) == ImageSize(side, side) == side
    assert size.plain == side and size.text == f"{side} px"
    assert hash(size) == hash(side)  # a set of sizes may be asked for numbers


@given(SIDES, SIDES, st.sampled_from([32, 64, 33, 60]))
def test_sides_are_rounded_up_as_ultralytics_does(height: int, width: int, unit: int) -> None:
    from ultralytics.utils.checks import check_imgsz

    rounded = ImageSize(min(height, 4000), min(width, 4000)).rounded(unit)
    assert list(rounded) == check_imgsz([min(height, 4000), min(width, 4000)], stride=unit)


WRONG = (
    0, -1, -640, [0, 640], [640, -1], [1, 2, 3], [], "", "x", "640x", "ten", "640x480x3",
    "384 640 3", 1.5, [640, 1.5], None, True, [True, 640], LARGEST + 1, {}, {"height": 1}, "6e2",
    b"64", "-5 640", [[640]], ["384", "640"], float("nan"), float("inf"), "٣٢", 10**30,
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_what_is_no_size_is_refused_in_one_line(wrong) -> None:
    with pytest.raises(UserError) as caught:
        ImageSize.of(wrong)
    assert "is not an image size" in str(caught.value) and "384x640" in caught.value.hint
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_words() -> None:
    assert ImageSize(384, 640).text == size_text([384, 640]) == "384 × 640 px"
    assert size_text(640) == "640 px" and size_text("?") == "? px"
    assert rounded_note(ImageSize(64, 64), ImageSize(64, 64)) == ""
    note = rounded_note(ImageSize(100, 200), ImageSize(128, 224))
    assert "100 × 200 px was rounded up to 128 × 224 px" in note


@pytest.mark.parametrize(
    "wrong", ["0", "-32", "384 640 3", "384x", "abc", "1x2x3", "99999999", "x"]
)
@pytest.mark.parametrize(
    "command",
    [
        ["export", "yolov8n.yaml", "-o", "out.onnx"],
        ["latency", "yolov8n.yaml"],
        ["finetune", "yolov8n.yaml", "--data", "data.yaml"],
        ["evaluate", "yolov8n.yaml", "--data", "data.yaml"],
    ],
    ids=lambda words: words[0],
)
def test_a_command_says_in_one_line_what_is_wrong(wrong: str, command, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--image-size", *wrong.split()])
    line = capsys.readouterr().err.splitlines()[-1]
    assert stopped.value.code == 2
    assert "--image-size" in line and "is not an image size" in line


def test_numbers_after_the_option_are_one_size_and_files_stay_files() -> None:
    words = ["latency", "--image-size", "384", "640", "a.pt", "--batch", "1", "8"]
    assert with_sizes(words) == [*words[:2], "384 640", *words[4:]]
    assert with_sizes(["export", "--image-size", "640", "a.pt"])[-2:] == ["640", "a.pt"]
    assert with_sizes(["x", "--image-size", "384x640", "7"])[-2:] == ["384x640", "7"]
    assert with_sizes(["x", "--image-size"]) == ["x", "--image-size"]
    assert with_sizes(["--image-size=384x640", "7"]) == ["--image-size=384x640", "7"]


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (640, 640), ([384, 640], [384, 640]), ((96, 32), [96, 32]), ([320], 320),
        ("[384, 640]", [384, 640]), ("320", 320), ([384, 640, 3], 640), ([0, 640], 640),
        (-5, 640), ([None, 640], 640), (True, 640), ({}, 640), (1 << 40, 640), ("x" * 10**6, 640),
        (None, 640), ([[1], [2]], 640),
    ],
)  # fmt: skip
def test_the_size_in_a_file_is_read_and_a_senseless_one_is_the_usual(stored, wanted) -> None:
    assert image_size_of("detect", {"imgsz": stored}) == wanted


def test_settings_take_and_write_both(tmp_path) -> None:
    for stored, size in ((96, ImageSize(96, 96)), ([96, 160], ImageSize(96, 160))):
        assert DataSettings.from_json({"path": "d", "image_size": stored}).image_size == size
        assert replace(DataSettings(tmp_path), image_size=stored).image_size == size
        assert ExportSettings(image_size=stored).image_size == size
        assert Settings(image_size=stored).image_size == size
        data = DataSetting.model_validate({"path": "d", "image_size": stored})
        assert data.image_size == size and data.model_dump()["image_size"] == stored
        assert DataSetting.model_validate_json(data.model_dump_json()) == data
        tune = parse_settings({"model": "m", "data": "d", "image_size": stored})
        assert tune.image_size == size and tune.model_dump(mode="json")["image_size"] == stored


@pytest.mark.parametrize("wrong", [0, 16, [16, 640], [1, 2, 3], "x", [640, None], 1.5])
def test_settings_refuse_what_is_no_size(wrong) -> None:
    with pytest.raises(UserError, match="image_size"):
        parse_settings({"model": "m", "data": "d", "image_size": wrong})
