"""Start the command line: ``python -m core.cli``."""

from __future__ import annotations

import logging
import sys

from core.cli.main import main
from core.system import program

if __name__ == "__main__":
    program.prepare()
    logging.captureWarnings(True)
    sys.exit(main())
