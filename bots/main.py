"""`python -m bots.main URL MODEL_NAME [options]`: the documented command."""

from __future__ import annotations

import sys

from bots.services.cli import run_main

if __name__ == "__main__":
    sys.exit(run_main())
