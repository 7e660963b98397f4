"""What each tensor operation does to channel numbers.

One table, ``HANDLERS``, from operation to handler; each module below adds its own. An operation
that is not listed leaves its input's channels fixed: exact, if less free.
"""

from core.graph.handlers import elementwise, layers, movement
from core.graph.handlers.registry import HANDLERS, run_unknown

__all__ = ["HANDLERS", "elementwise", "layers", "movement", "run_unknown"]
