"""Surgery, criteria and proof.

The package is also the function: ``core.prune(loaded, plan, output)`` is
``core.pipeline.prune``. Python binds a subpackage to its parent's attribute of the same name, so
the package itself must be what is called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.pipeline import Pruned


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Pruned:
        from core.pipeline import prune

        return prune(*args, **options)


sys.modules[__name__].__class__ = _CallablePackage
