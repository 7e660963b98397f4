"""The jobs under test are small fine-tunings."""

from tests.core.tune.finetune.conftest import (  # noqa: F401  (fixtures)
    _images,
    data,
    pruned_detector,
    settings,
    teacher,
)
