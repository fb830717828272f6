"""How much processor time one market in process takes: python benchmarks/bench_in_process.py

The market is the reference design, 3 practice and 30 paid rounds with up to four forecasts a round. Six
strategies in turn sit at its seats. Traders, pages, forms, decisions and events are those of a real run.
Where it is kept, its journal is written as in a study; where not, events are made and thrown away. The last
lines tell how the time grows with traders and with rounds: 2.0 is in proportion.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bots.adapters.clock import SystemClock
from bots.adapters.run_folder import JournalWriter
from bots.agents.trading_agents import Table
from bots.domain.ports import RunStore
from bots.domain.records import Event, RunOutcome
from bots.domain.study import Cell, StudyPlan
from bots.services.study_cell import build_strategy, play_market, spare_libraries
from bots.services.trader_specs import TraderSpec

STRATEGIES = ("zero-intelligence", "fundamentalist", "momentum", "speculator", "market-maker", "hold")
PRACTICE = 3  # rounds
TARGET = 0.25  # seconds of processor time, 24 traders and 33 rounds


class Nowhere:
    """A store that counts events and keeps none."""

    def __init__(self) -> None:
        self.events = 0

    def append(self, event: Event) -> None:
        self.events += 1


@dataclass(frozen=True, slots=True)
class Measured:
    """Processor seconds of one market, the best of several; bytes of its journal, 0 where it is not kept."""

    traders: int
    rounds: int
    kept: bool
    seconds: float
    journal: int


def cell_of(traders: int, **market: str | int) -> Cell:
    """Return the one cell of a study of one market, the reference design where no other preset is named."""
    plan = StudyPlan(
        name="bench", repetitions=1, seats="hold", traders=traders, shuffle=False, market=dict(market)
    )
    (cell,) = plan.cells()
    return cell


def play(cell: Cell, store: RunStore) -> None:
    """Play a cell's market."""
    names = [STRATEGIES[seat % len(STRATEGIES)] for seat in range(cell.settings.traders)]
    clock = SystemClock()
    table = Table(store, clock, clock.monotonic() + 600, "bench")

    async def market() -> None:
        specs = [TraderSpec(name, name) for name in names]
        end = await play_market(cell, specs, build_strategy, table, asyncio.Event())
        if end.outcome is not RunOutcome.FINISHED:
            raise RuntimeError(f"the market did not finish: {end.reason}")

    asyncio.run(market())


def measure(traders: int, rounds: int = 33, *, kept: bool, times: int) -> Measured:
    """Return the best of `times` plays."""
    cell, best, size = cell_of(traders, paid_rounds=rounds - PRACTICE), float("inf"), 0
    for _ in range(times):
        with ExitStack() as stack:
            store: RunStore = Nowhere()
            if kept:
                path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "journal.jsonl"
                store = stack.enter_context(JournalWriter(path, durable=False))
            started = time.process_time()
            play(cell, store)
            best = min(best, time.process_time() - started)
            size = path.stat().st_size if kept else 0
    return Measured(traders, rounds, kept, best, size)


def machine() -> str:
    """Return the processor and the Python that were measured."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith(("model name", "cpu MHz"))]
    processor = ", ".join(names[:2]) + " MHz" if len(names) > 1 else platform.processor()
    return f"{processor}; {platform.python_implementation()} {platform.python_version()}"


def growth(results: Sequence[Measured]) -> Iterator[str]:
    """Yield how time and journal grow where traders, and where rounds, are twice as many."""
    known = {(one.traders, one.rounds, one.kept): one for one in results}
    for kept in (False, True):
        for what, less, more in (("traders", (12, 33), (24, 33)), ("rounds", (12, 33), (12, 66))):
            before, after = known[*less, kept], known[*more, kept]
            journal = f", journal times {after.journal / before.journal:.1f}" if kept else ""
            yield (
                f"Twice the {what}, {'kept' if kept else 'not kept'}: "
                f"time times {after.seconds / before.seconds:.1f}{journal}."
            )


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=3, help="plays of each market; the best counts")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    spare_libraries()  # as in the processes of a study
    results = [
        measure(traders, rounds, kept=kept, times=options.times)
        for traders, rounds in ((6, 33), (12, 33), (12, 66), (24, 33), (48, 33))
        for kept in (False, True)
    ]
    if options.json:
        print(json.dumps([{name: getattr(one, name) for name in Measured.__slots__} for one in results]))
        return
    print(machine())
    print("traders  rounds  kept  seconds of CPU  for each trader and round  journal")
    for one in results:
        each = 1e6 * one.seconds / one.traders / one.rounds
        kept = "yes" if one.kept else "no"
        print(
            f"{one.traders:7}  {one.rounds:6}  {kept:4}  {one.seconds:14.3f}  {each:22.0f} µs  "
            f"{one.journal / 1e6:4.1f} MB"
        )
    print("\n".join(growth(results)))
    print(f"Target: 24 traders and 33 rounds in under {TARGET} s.")


if __name__ == "__main__":
    main()
