"""The size of images: height × width in pixels, as one value. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from core.errors import UserError

LARGEST = 1 << 16
"""Pixels that a side has at most."""
LEAST = 32
"""Pixels that a side has at least where networks are trained and evaluated."""

_BETWEEN = re.compile(r"\s*[x×,\s]\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class ImageSize:
    """Height and width of images, in pixels.

    A size equals what it is written as: ``ImageSize(640, 640) == 640`` and
    ``ImageSize(384, 640) == [384, 640]``, so that it compares with stored figures.

    Parameters
    ----------
    height, width : int
        1 to ``LARGEST``.

    Raises
    ------
    UserError
        For a side that no image has.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        for side in (self.height, self.width):
            if isinstance(side, bool) or not isinstance(side, int) or not 0 < side <= LARGEST:
                raise _wrong(self.height if self.height == self.width else list(self))

    @classmethod
    def of(cls, value: SizeLike) -> ImageSize:
        """Return what a size is written as.

        Parameters
        ----------
        value : ImageSize, int, sequence of int, or str
            The side of a square, or height and width: ``640``, ``[384, 640]``, ``"384x640"``,
            ``"384 640"``.

        Raises
        ------
        UserError
            For anything else.
        """
        if isinstance(value, ImageSize):
            return value
        sides: Any = value
        if isinstance(value, str):
            parts = _BETWEEN.split(value.strip().strip("[]()").strip())
            if not all(re.fullmatch(r"[+-]?[0-9]{1,9}", part) for part in parts):
                raise _wrong(value)
            sides = [int(part) for part in parts]
        elif not isinstance(value, Sequence):
            sides = [value]
        if isinstance(sides, bytes) or len(sides) not in (1, 2):
            raise _wrong(value)
        whole = [int(s) if isinstance(s, float) and s.is_integer() else s for s in sides]
        return cls(whole[0], whole[-1])

    def __iter__(self) -> Iterator[int]:
        yield self.height
        yield self.width

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ImageSize):
            return (self.height, self.width) == (other.height, other.width)
        if isinstance(other, int):
            return self.square and self.height == other
        return isinstance(other, list | tuple) and list(other) in (list(self), [self.plain])

    def __hash__(self) -> int:
        return hash(self.height) if self.square else hash((self.height, self.width))

    def __str__(self) -> str:
        return str(self.height) if self.square else f"{self.height} × {self.width}"

    @property
    def text(self) -> str:
        """The size for people: ``640 px``, or ``384 × 640 px``, height first."""
        return f"{self} px"

    @property
    def square(self) -> bool:
        """Whether both sides are equal."""
        return self.height == self.width

    @property
    def longest(self) -> int:
        """The longer side."""
        return max(self.height, self.width)

    @property
    def area(self) -> int:
        """Pixels of an image."""
        return self.height * self.width

    @property
    def plain(self) -> int | list[int]:
        """The size as JSON and Ultralytics write it: one number for a square, else both."""
        return self.height if self.square else [self.height, self.width]

    def rounded(self, unit: int) -> ImageSize:
        """Return the size with both sides rounded up to multiples, as Ultralytics does."""
        height, width = (max(1, -(-side // unit)) * unit for side in self)
        return ImageSize(height, width)

    def scaled(self, factor: float, unit: int) -> ImageSize:
        """Return the size times a factor; sides are the nearest multiples of a unit, at least 1."""
        height, width = (max(1, round(side * factor / unit)) * unit for side in self)
        return ImageSize(height, width)


USUAL_SIZE = ImageSize(320, 320)
"""Where images are read for ranking, repair and evaluation, unless the user says otherwise."""
TRAINED_SIZE = ImageSize(640, 640)
"""What Ultralytics trains at, unless told otherwise."""


def rounded_note(asked: ImageSize, used: ImageSize) -> str:
    """Return a sentence where a size had to be rounded up, else nothing.

    Parameters
    ----------
    asked, used : ImageSize
    """
    if asked == used:
        return ""
    return (
        f"The image size {asked.text} was rounded up to {used.text}: "
        "sides are multiples of the network's stride."
    )


def size_text(value: Any) -> str:
    """Return a stored size for people; what is no size, as it is.

    Parameters
    ----------
    value : int, list of int, ImageSize or None
    """
    try:
        return ImageSize.of(value).text
    except UserError:
        return f"{value} px"


def _wrong(value: object) -> UserError:
    shown = repr(value)[:40] if not isinstance(value, str) else f"“{value[:40]}”"
    return UserError(
        f"{shown} is not an image size.",
        f"Use one number for a square, or height and width, such as 640 or 384x640; "
        f"each is 1 to {LARGEST} pixels.",
    )


def _read(value: Any) -> ImageSize:
    try:
        return ImageSize.of(value)
    except UserError as error:
        raise ValueError(f"{error.message.rstrip('.')}; {error.hint}") from error


def _large_enough(value: ImageSize) -> ImageSize:
    if min(value) < LEAST:
        raise ValueError(f"both sides must be at least {LEAST} pixels")
    return value


if TYPE_CHECKING:
    SizeSetting: TypeAlias = ImageSize
else:
    #: A size in settings that pydantic reads and writes; both sides are at least ``LEAST``.
    SizeSetting = Annotated[
        ImageSize,
        BeforeValidator(_read),
        AfterValidator(_large_enough),
        PlainSerializer(lambda size: size.plain),
    ]

SizeLike: TypeAlias = ImageSize | int | Sequence[int] | str
