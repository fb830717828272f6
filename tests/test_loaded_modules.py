"""What a command loads: nobody waits for a library that the command does not use."""

from __future__ import annotations

import subprocess
import sys

import pytest

RUN = ("bots.services.cli", "bots.services.runner", "bots.adapters.http_session", "bots.services.after_run")
OF_BROWSERS, OF_ANALYSIS = ("selenium",), ("numpy", "polars", "matplotlib", "jinja2")


@pytest.mark.parametrize(
    ("modules", "without"),
    [
        (RUN, (*OF_BROWSERS, *OF_ANALYSIS, "httpx2", "pydantic_ai", "bots.domain.study")),
        (RUN[:1], (*OF_BROWSERS, *OF_ANALYSIS, "aiohttp", "pydantic", "bots.domain.market")),
    ],
    ids=["a run without a browser", "help"],
)
def test_a_command_loads_no_library_that_it_does_not_use(
    modules: tuple[str, ...], without: tuple[str, ...]
) -> None:
    code = f"import sys, {', '.join(modules)}\nprint(*[name for name in {without} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.split() == []
