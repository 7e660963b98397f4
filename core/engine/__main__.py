"""Start the engine process: ``python -m core.engine``."""

from __future__ import annotations

import sys

from core.engine.server import main

if __name__ == "__main__":
    sys.exit(main())
