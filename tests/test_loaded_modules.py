"""What a command loads: bots without a browser wait for no library that drives one."""

from __future__ import annotations

import subprocess
import sys


def test_a_run_without_a_browser_does_not_load_selenium() -> None:
    code = (
        "import sys, bots.services.cli, bots.services.runner, bots.adapters.http_session\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'selenium'])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
