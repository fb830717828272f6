"""A market of a study that was cut short is played on: its models are not asked for what they have answered.

The market is the same one, with the same draws, so its traders meet the prompts they met. Where a reply to a
whole prompt is on record it is given again and costs nothing; from the first new prompt on, models are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bots.adapters.run_folder import (
    JournalWriter,
    mend_journal,
    read_manifest,
    write_manifest,
    written_in,
)
from bots.agents.kept_replies import KeptReplies, kept_replies, of_seat
from bots.agents.llm import LlmTrader
from bots.agents.past import Past
from bots.analysis.run_data import read_journal
from bots.domain.chat import Reply
from bots.domain.experiment import Seat
from bots.domain.ports import Clock, DecisionMaker
from bots.domain.records import Event, RunManifest, RunResumed
from bots.services.resume import running_again
from bots.services.study_folder import CellRun, exchanges
from bots.services.trader_specs import TraderSpec

Build = Callable[[TraderSpec, int], DecisionMaker]
"""Makes the decision maker of a seat from who sits there and the seat's seed."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is on record of a market that was cut short.

    Attributes:
        runs: names of its run folders; empty where no model has answered in them.
    """

    runs: tuple[str, ...]
    replies: KeptReplies

    def given_again(self, build: Build, seats: Sequence[Seat]) -> Build:
        """Return `build` with the replies there are in the place of the models'."""
        by_seed = {seat.seed: of_seat(self.replies, seat.number) for seat in seats}

        def build_recollecting(spec: TraderSpec, seed: int) -> DecisionMaker:
            maker = build(spec, seed)
            return maker.recollecting(by_seed[seed]) if isinstance(maker, LlmTrader) else maker

        return build_recollecting


def goes_on_in(
    folder: Path, seats: Sequence[Seat], clock: Clock
) -> tuple[Path, RunManifest, Sequence[Event]]:
    """Let a run whose session is still there go on, as a market with people does.

    Returns:
        Its folder, its manifest as it is while it runs, and what its journal holds.
    """
    events, resumed = read_journal(folder).events, clock.now()
    over = {seat.number for seat in seats if Past.of_seat(events, seat.number).finished}
    left = tuple(seat for seat in seats if seat.number not in over)
    manifest = running_again(read_manifest(folder), left, resumed)
    with written_in(folder):
        torn = mend_journal(folder / "journal.jsonl")
        with JournalWriter(folder / "journal.jsonl") as journal:
            journal.append(goes_on := RunResumed(at=resumed, torn=torn))
        write_manifest(folder, manifest)
    return folder, manifest, (*events, goes_on)


def earlier_parts(before: Sequence[CellRun]) -> Earlier:
    """Return what is on record of a market in its runs that were cut short, in the order they were begun."""
    runs: list[str] = []
    longest: dict[tuple[int, str], Sequence[Reply]] = {}
    for run in before:
        journal = run.folder / "journal.jsonl"
        replies = kept_replies(exchanges(journal)) if journal.exists() else {}
        if replies:
            runs.append(run.folder.name)
        for key, some in replies.items():  # a run that went on holds the replies of those before it, too
            longest[key] = max(longest.get(key, ()), some, key=len)
    return Earlier(tuple(runs), longest)
