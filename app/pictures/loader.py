"""Decodes pictures on a thread of its own, the newest wish first, and keeps the last ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QImageReader

from core.data.labels import Object
from core.errors import UserError
from core.system.files import check_regular

KEEP = 96 * 1024 * 1024
"""Bytes of decoded pictures to keep."""
WAITING = 96
"""Wishes that wait; beyond that the oldest is dropped, and comes again if it is still on screen."""
FULL = 1600
"""Longest side of a large picture, in pixels: more than a window shows, little enough to paint."""
BANDED = (".tif", ".tiff")
"""Files whose pages may be bands."""
Read = Callable[[], Sequence[Object]]


@dataclass(frozen=True, slots=True)
class Wish:
    """A picture that something on the screen needs.

    Attributes
    ----------
    path : str
    side : int
        Its longest side is scaled down to this many pixels.
    read : callable, optional
        Returns the labelled objects to show with it; called on the loader's thread.
    key : hashable
        Names the wish; the path and the side unless given.
    """

    path: str
    side: int
    read: Read | None = None
    key: Hashable = None

    @property
    def name(self) -> Hashable:
        """What tells it from other wishes."""
        return (self.path, self.side) if self.key is None else self.key


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture; ``trouble`` is the reason if there is none."""

    image: QImage
    size: QSize
    objects: tuple[Object, ...] = ()
    trouble: str = ""


class Pictures(QObject):
    """Hands out pictures.

    Signals
    -------
    ready(object)
        The picture of a wish of this name is there: ask again.
    """

    ready = Signal(object)
    _decoded = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, "pictures")
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Hashable, Wish] = OrderedDict()
        self._known: OrderedDict[Hashable, Picture] = OrderedDict()
        self._bytes = 0
        self._over = False
        self._decoded.connect(self._take)

    def get(self, wish: Wish) -> Picture | None:
        """Return a picture if it is there; otherwise it is fetched, and ``ready`` follows."""
        name = wish.name
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
            return known
        if self._over:
            return None
        with self._lock:
            new = name not in self._waiting
            self._waiting[name] = wish
            self._waiting.move_to_end(name)
            if len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)
        if new:
            self._pool.submit(self._work)
        return None

    def forget(self) -> None:
        """Drop all pictures: other files may be in their places now."""
        with self._lock:
            self._waiting.clear()
        self._known.clear()
        self._bytes = 0

    def shutdown(self) -> None:
        """Wait for the one being decoded; nothing is handed out any more."""
        self._over = True
        self.forget()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _work(self) -> None:
        with self._lock:
            if not self._waiting:
                return
            name, wish = self._waiting.popitem()  # the newest: that is what is shown
        picture = decode(wish)
        if not self._over:
            self._decoded.emit(name, picture)

    @Slot(object, object)
    def _take(self, name: Hashable, picture: Picture) -> None:
        if self._over:
            return
        self._known[name] = picture
        self._bytes += picture.image.sizeInBytes()
        while self._bytes > KEEP and len(self._known) > 1:
            _, old = self._known.popitem(last=False)
            self._bytes -= old.image.sizeInBytes()
        self.ready.emit(name)


def decode(wish: Wish) -> Picture:
    """Read and scale a picture, and what is labelled in it; safe on any thread."""
    try:
        check_regular(wish.path)
    except OSError as error:
        gone = isinstance(error, FileNotFoundError)
        why = "no longer exists" if gone else "cannot be read"
        return Picture(QImage(), QSize(), (), f"{Path(wish.path).name} {why}.")
    image, size, trouble = QImage(), QSize(), ""
    if not wish.path.lower().endswith(BANDED):
        image, size = _by_qt(wish)
    if image.isNull():
        image, size, trouble = _by_pillow(wish)
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    objects: Sequence[Object] = ()
    try:
        objects = wish.read() if wish.read is not None else ()
    except UserError as error:
        trouble = trouble or str(error)
    return Picture(image, size, tuple(objects), trouble)


def _by_qt(wish: Wish) -> tuple[QImage, QSize]:
    reader = QImageReader(wish.path)
    reader.setAutoTransform(True)
    size = reader.size()
    limit = QSize(wish.side, wish.side)
    if size.isValid() and max(size.width(), size.height()) > wish.side:
        reader.setScaledSize(size.scaled(limit, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read(), size


def _by_pillow(wish: Wish) -> tuple[QImage, QSize, str]:
    """Read a kind of file that Qt does not know, or shows one band of."""
    from core.data.picture import open_picture

    name = Path(wish.path).name
    try:
        upright = open_picture(wish.path)
        size = QSize(*upright.size)
        upright.thumbnail((wish.side, wish.side))
        data = upright.tobytes()
        width, height = upright.size
    except FileNotFoundError:
        return QImage(), QSize(), f"{name} no longer exists."
    except Exception:  # decoders raise what they please
        return QImage(), QSize(), f"{name} cannot be read."
    image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return image.copy(), size, ""
