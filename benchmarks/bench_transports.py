"""What a page costs, in a browser and without one, beside other software: latency, processor, memory, pages.

    python benchmarks/bench_transports.py [--small]

Two parts, in one run on one machine, so that their ratios hold elsewhere too. The bench app (tests/bench:
ten information pages, ten forms of three fields, the end) is played by eight bots of ours in tabs, in user
contexts and without a browser, by botex and pyreplicant in environments of their own, and by a bare HTTP
client. The shipped market with its 20 s pages is played by models that take 0.1, 3 and 10 s, in three rounds
of one session; and by bots that wait, for a slow model and then for somebody who does not come.

Results go to benchmarks/results/transports.json, and the tables of docs/browsers.md are made from them. Other
load on the machine spoils all figures: it is told first, and kept with the results.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.idle_bots import idle
from benchmarks.transports_run import (
    ROOT,
    AppRun,
    PacedModel,
    bench_server,
    market_server,
    paced_answer,
    play_app,
    play_market,
)
from benchmarks.transports_table import write_tables
from bots.services.surroundings import git_state, machine

RESULTS: Final = ROOT / "benchmarks" / "results" / "transports.json"
PEERS: Final = ROOT / "benchmarks" / "peers"
_QUIET: Final = 1.5  # load above which figures are not to be trusted


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    app_bots: int
    browser_bots: Sequence[int]
    http_bots: Sequence[int]


FULL: Final = Size(8, (6, 12, 24), (60, 120))
SMALL: Final = Size(2, (2,), (4,))


def clients(model_url: str) -> Mapping[str, Sequence[str]]:
    """Return the commands that play the bench app; those whose environment is missing are left out."""
    ours = [sys.executable, "-m", "bots.main", "URL", "hold", "--transport"]
    found = {
        "bare HTTP client": [sys.executable, str(PEERS / "bare_client.py"), "LINKS"],
        "ours, http": [*ours, "http"],
        "ours, one Chromium, tabs": [*ours, "browser"],
        "ours, one Chromium, user contexts": [*ours, "browser", "--isolated"],
    }
    for name, version in (("pyreplicant", "0.3.0"), ("botex", "0.2.0")):
        python = ROOT / f".venv-bench-{name}" / "bin" / "python"
        if python.exists():
            found[f"{name} {version}"] = [str(python), str(PEERS / f"run_{name}.py"), model_url, "LINKS"]
    return found


async def measure(size: Size) -> dict[str, Any]:
    """Measure everything, telling each figure as it comes."""
    load = os.getloadavg()[0]
    for package in ("bots", "markets"):
        compileall.compile_dir(ROOT / package, quiet=1)
    print(f"load {load:.2f}" + (f": above {_QUIET}, figures are not to be trusted" if load > _QUIET else ""))
    async with PacedModel(paced_answer) as model:
        app = await _app_part(size, model.url)
        market = await _market_part(size, model)
    waiting = await _idle_part(size)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load_before": load,
        "commit": git_state(),
        "small": size is SMALL,
        "app": app,
        "market": market,
        "idle": waiting,
    }


async def _app_part(size: Size, model_url: str) -> list[dict[str, Any]]:
    rows = []
    with bench_server() as server:
        for client, command in clients(model_url).items():
            played: AppRun = await play_app(client, command, server, size.app_bots)
            rows.append(played.row())
            print(json.dumps(rows[-1]))
        for bots in () if size is SMALL else (1, 60, 120):
            command = clients(model_url)["ours, http"]
            rows.append((await play_app("ours, http", command, server, bots)).row())
            print(json.dumps(rows[-1]))
    return rows


async def _market_part(size: Size, model: PacedModel) -> list[dict[str, Any]]:
    rows = []
    async with market_server() as server:
        for transport, numbers in (("browser", size.browser_bots), ("http", size.http_bots)):
            for bots in numbers:
                rows += (await play_market(transport, server, model, bots)).rows()
                print(*map(json.dumps, rows[-3:]), sep="\n")
    return rows


async def _idle_part(size: Size) -> list[dict[str, Any]]:
    rows = []
    async with market_server() as server:
        for transport, bots in (("browser", size.browser_bots[-1]), ("http", size.http_bots[-1])):
            rows += (await idle(transport, server, bots)).rows()
            print(*map(json.dumps, rows[-2:]), sep="\n")
    return rows


def main() -> None:
    """Measure, keep the results, and make the tables anew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a quick look: few bots, nothing is kept")
    size = SMALL if parser.parse_args().small else FULL
    results = asyncio.run(measure(size))
    if size is FULL:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        write_tables(results, ROOT / "docs" / "browsers.md")
        print(f"kept in {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}")


if __name__ == "__main__":
    main()
