"""What the journal costs a decision: python benchmarks/bench_journal.py

A market of the reference design is played in process by strategies. Each of its events, and for each
decision a model's request and reply of the length that prompts have, is then written as a run writes it:
through to the system at once, and each act forced to the disk before it would be sent. Shown is wall time:
of all, and of the same without forcing. The difference is the disk's; a busy or slow one shows there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench_in_process import cell_of, play

from bots.adapters.in_memory import MemoryStore
from bots.adapters.run_folder import JournalWriter
from bots.domain.records import ActSent, DecisionMade, Event, ModelAsked, ModelReplied, Usage

TARGET = 2.0  # milliseconds a decision
PROMPT = "Round 17 of 30: the price was 14.25, volume 3, dividend 0.40.\n" * 100  # about 6 kB
REPLY = json.dumps({"reasoning": "The price is near its fundamental value. " * 20, "orders": []})


def events_of(traders: int) -> Sequence[Event]:
    """Return the events of one market, as if models had decided."""
    store = MemoryStore()
    play(cell_of(traders), store)
    return [one for event in store.events for one in _with_model(event)]


def _with_model(event: Event) -> Iterator[Event]:
    if isinstance(event, DecisionMade):
        names = {"at": event.at, "seat": event.seat, "decision": event.decision, "attempt": 1}
        yield ModelAsked(**names, model="openai:gpt-4o", prompt=PROMPT, prompt_hash="0" * 64)
        usage = Usage(input_tokens=1500, output_tokens=200)
        yield ModelReplied(**names, reply=REPLY, served_model="gpt-4o-2024-08-06", seconds=2.5, usage=usage)
    yield event


def milliseconds_a_decision(events: Sequence[Event], folder: Path, *, durable: bool) -> float:
    """Write all events and return the mean time of a decision."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        started = time.perf_counter()
        with JournalWriter(Path(place) / "journal.jsonl", durable=durable) as journal:
            for event in events:
                journal.append(event)
        return 1e3 * (time.perf_counter() - started) / _count(events, DecisionMade)


def _count(events: Sequence[Event], kind: type[Event]) -> int:
    return sum(isinstance(event, kind) for event in events)


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=3, help="times it is written; the best counts")
    parser.add_argument("--folder", type=Path, default=Path(), help="on the disk that is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    events = events_of(6)
    decisions, acts = _count(events, DecisionMade), _count(events, ActSent)
    forced, written = (
        min(milliseconds_a_decision(events, options.folder, durable=durable) for _ in range(options.times))
        for durable in (True, False)
    )
    if options.json:
        print(json.dumps({"milliseconds": forced, "without_forcing": written, "decisions": decisions}))
        return
    print("decisions  events  forced to disk  ms a decision  without forcing")
    print(f"{decisions:9}  {len(events):6}  {acts:14}  {forced:13.2f}  {written:15.2f}")
    print(f"Target: under {TARGET:g} ms a decision.")


if __name__ == "__main__":
    main()
