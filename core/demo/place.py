"""The demo's folder: its network, its dataset and its project. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from core.errors import UserError, reason_of
from core.plan.schema import Plan, Target
from core.progress import Progress, silent
from core.project import DataSetting, ModelReference, Project, write_project
from core.system.files import sha256_of, write_bytes, write_text
from core.system.paths import jobs_of
from core.system.size import ImageSize
from resources import scenes

IMAGE_SIZE = 160
"""Side in pixels that the demo's network was trained at."""
IMAGES = 32
"""That a ranking looks at: few, since it is renewed in some twenty rounds."""
CRITERION = "fisher"
TARGET = 0.3
"""Share of the multiply-adds that should stay: so few that fine-tuning has something to do."""
SEED = 0
_README = """Created by the Secateur demo; running it again replaces the files in this folder.

demo.secateur   the project: open it in Secateur
demo.pt         the network, a YOLOv8n trained on drawn scenes
scenes/         the dataset in YOLO format
plan.json       the removed channels
pruned.pt       the pruned and repaired network
tuned.pt        the pruned network after fine-tuning
tuned.onnx      the same as ONNX, if the tools are installed
report.html     a report of all results
summary.json    the figures
pictures/       what the three networks detect
screenshots/    the window with this project, if `make run` found no display
demo.jobs/      the fine-tuning job
demo.history/   the history: every step and measurement
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are in a demo's folder."""

    folder: Path

    @property
    def project(self) -> Path:
        """The project file."""
        return self.folder / "demo.secateur"

    @property
    def model(self) -> Path:
        """The trained network."""
        return self.folder / "demo.pt"

    @property
    def data(self) -> Path:
        """The dataset YAML."""
        return self.folder / "scenes" / "data.yaml"

    @property
    def readme(self) -> Path:
        """What the folder holds, in words; also the sign that it is a demo's."""
        return self.folder / "README.txt"

    @property
    def jobs(self) -> Path:
        """Long jobs of the project, where the window and reports look for them."""
        return jobs_of(self.project)

    @property
    def pruned(self) -> Path:
        """The pruned network."""
        return self.folder / "pruned.pt"

    @property
    def tuned(self) -> Path:
        """The fine-tuned network."""
        return self.folder / "tuned.pt"


def is_ready(folder: str | Path) -> bool:
    """Return whether a folder holds a demo that can be opened."""
    place = Place(Path(folder))
    return all(path.is_file() for path in (place.project, place.model, place.data))


def set_up(
    folder: str | Path,
    *,
    train: int = scenes.TRAIN,
    val: int = scenes.VAL,
    progress: Progress = silent,
) -> Place:
    """Lay out the demo's network, dataset and project in a folder.

    Parameters
    ----------
    folder : path
        Made if it is missing; otherwise it must be empty or an earlier demo's.
    train, val : int
        Scenes to draw.
    progress : Progress
        Told after every scene; may cancel.

    Raises
    ------
    UserError
        When the folder holds other things, or cannot be written.
    """
    place = Place(Path(folder).absolute())
    _claim(place)
    network = (files("resources") / "demo" / "demo.pt").read_bytes()
    if not place.model.is_file() or place.model.read_bytes() != network:
        write_bytes(place.model, network)
    try:
        place.data.unlink(missing_ok=True)
        scenes.write_dataset(
            place.data.parent, train=train, val=val, seed=SEED, progress=_whole(progress)
        )
    except OSError as error:
        raise _unwritable(place.folder, error) from error
    write_project(place.project, first_project(place))
    progress(1.0, "Done")
    return place


def first_project(place: Place) -> Project:
    """Return the project as it is before anything was done."""
    return Project(
        model=ModelReference(
            path=place.model.name, sha256=sha256_of(place.model), family="yolov8n"
        ),
        plan=Plan(criterion=CRITERION, seed=SEED),
        data=DataSetting(
            path=place.data.relative_to(place.folder).as_posix(),
            images=IMAGES,
            image_size=ImageSize.of(IMAGE_SIZE),
            seed=SEED,
        ),
        goal=Target(macs=TARGET),
    )


def _claim(place: Place) -> None:
    """Make the folder, and sign it; refuse one that is in use for something else."""
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
        if not place.readme.exists() and any(place.folder.iterdir()):
            raise UserError(
                f"{place.folder} is not empty and contains files that are not from the demo.",
                "Choose an empty or a new folder.",
            )
    except OSError as error:
        raise _unwritable(place.folder, error) from error
    write_text(place.readme, _README)


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(f"Could not write to {folder}: {reason_of(error)}.", "Choose another folder.")


def _whole(progress: Progress) -> Callable[[float, str], None]:
    return lambda fraction, text: progress(fraction, text)
