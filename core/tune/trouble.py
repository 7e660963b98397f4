"""What goes wrong in a training and the user can fix: how it shows, and one sentence for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import MemoryShortError, UserError, reason_of
from core.system.memory import is_out_of_memory

if TYPE_CHECKING:
    from core.tune.training import Run


def explain(run: Run, trainer: Any, error: Exception, devices: int = 1) -> None:
    """Raise what the user can fix, or the error itself; return where a smaller batch may do.

    Parameters
    ----------
    run : Run
    trainer : BaseTrainer or Together
        That failed.
    error : Exception
        With which.
    devices : int
        How many share a batch; each needs an image.
    """
    if (gone := missing_image(trainer)) is not None:
        raise images_gone(run.feed.path, gone, run.best) from error
    if isinstance(error, OSError):
        raise unwritable(error, run.best) from error
    if not is_out_of_memory(error):
        raise error
    if not (run.smaller_batch and trainer.batch_size // 2 >= devices):
        raise memory_short(trainer.batch_size, run.best, devices) from error


def memory_short(batch: int, best: Path, devices: int = 1) -> MemoryShortError:
    """Return what to say when memory runs out, with the batch that may do.

    Parameters
    ----------
    batch : int
        Images a step that were too many.
    best : Path
    devices : int
        How many share a batch; each needs an image.
    """
    smaller = batch // 2 // devices * devices
    instead = f"Continue with batch size {smaller}, or use" if smaller else "Use"
    return MemoryShortError(
        f"Out of memory with batch size {batch}; {kept(best)}.",
        f"{instead} smaller images, or close other programs that use memory.",
        smaller,
    )


def not_a_number(epoch: int, best: Path) -> UserError:
    """Return what to say when the loss or a weight is no number; ``epoch`` counts from 0."""
    return UserError(
        f"The loss became NaN or infinite in epoch {epoch + 1}; {kept(best)}.",
        "Use a lower learning rate (lr0), or disable mixed precision (amp=false), and try again.",
    )


def no_labels(path: Path, split: str) -> UserError:
    """Return what to say when nothing in a split is labelled."""
    return UserError(
        f"The split “{split}” of {path} has no labelled objects.",
        "Check that the labels are where Ultralytics expects them (images → labels).",
    )


def images_gone(path: Path, what: str, best: Path) -> UserError:
    """Return what to say when an image of the dataset ``path`` no longer exists."""
    return UserError(
        f"An image of the dataset {path} is missing ({what[:200]}); {kept(best)}.",
        "Restore the images and resume the job.",
    )


def unwritable(error: OSError, best: Path) -> UserError:
    """Return what to say when the training's folder cannot be written."""
    where = f" {error.filename}" if error.filename else ""
    return UserError(
        f"Could not read or write{where}: {reason_of(error)}; {kept(best)}.",
        "Free disk space or make the folder writable, and resume the job.",
    )


def kept(best: Path) -> str:
    """Describe what an end leaves behind."""
    if best.is_file():
        return "the best state so far is kept"
    return "no epoch was completed, so there is no state to keep"


def missing_image(trainer: Any) -> str | None:
    """Return an image of a trainer's data that no longer exists, or None."""
    return next((path for path in _images(trainer) if not Path(path).is_file()), None)


def _images(trainer: Any) -> Iterator[str]:
    for name in ("train_loader", "test_loader"):
        dataset = getattr(getattr(trainer, name, None), "dataset", None)
        yield from getattr(dataset, "im_files", ())
        yield from (str(sample[0]) for sample in getattr(dataset, "samples", ()))
