"""A recorded run on another oTree session: real pages and acts, recorded replies, no provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bots.adapters.browser_settings import BrowserOptions
from bots.adapters.links import read_links
from bots.adapters.models.catalogue import load_catalogue
from bots.adapters.recorded import SeatRecording, recorded_maker, recordings
from bots.agents.options import FormAnswers, Rhythm
from bots.analysis.run_data import read_journal
from bots.domain.errors import UserMustMend
from bots.domain.experiment import Seat
from bots.domain.ports import DecisionMaker
from bots.domain.records import DecisionMade, Event, ModelAsked, RunManifest, SeatRecord
from bots.services.after_run import show_and_draw
from bots.services.configuration import models_file
from bots.services.exit_codes import EXIT_CODES
from bots.services.plan import RunPlan, Transport, links_for_bots
from bots.services.replay import (
    EXIT_DIFFERS,
    Difference,
    as_bytes,
    maker_of,
    read_recording,
    show_differences,
)
from bots.services.room import Room
from bots.services.runner import Prepared, credentials_of, run_prepared
from bots.services.trader_specs import TraderSpec
from bots.services.transports import browser_for


async def replay_on_server(folder: Path, url: str, data: Path, room: Room) -> int:
    """Play a recording on the session behind `url` as a new run, and say where prompts and decisions differ.

    Returns:
        The new run's exit code; where it finished but differs, 5.

    Raises:
        UserMustMend: no recording, or a session of another size.
    """
    manifest, journal = read_recording(folder)
    report = await run_prepared(await _prepare(manifest, journal.events, url, data, room), room)
    show_and_draw(room.console, report)
    found = tuple(_differences(journal.events, read_journal(report.folder).events))
    show_differences(room.console, found)
    return EXIT_CODES[report.end.outcome] or (EXIT_DIFFERS if found else 0)


async def _prepare(
    manifest: RunManifest, events: Sequence[Event], url: str, data: Path, room: Room
) -> Prepared:
    transport = Transport(manifest.transport)
    links = await read_links(url, credentials_of(room.environment))
    if len(links.links) != manifest.subjects:
        raise UserMustMend(
            f"the session has {len(links.links)} participants, the recorded one had {manifest.subjects}",
            where=url,
            mend="Create a session of the same size and configuration.",
        )
    chosen = links_for_bots(links.links, manifest.bots)
    return Prepared(
        plan=RunPlan(
            url,
            manifest.model,
            notes=f"replay of run {manifest.run}",
            timeout_minutes=manifest.timeout_minutes,
            wait_minutes=manifest.wait_minutes,
            num_bots=manifest.bots,
            data=data,
            fallback=manifest.fallback,
            form_fallback=FormAnswers(manifest.form_fallback),
            rhythm=Rhythm(manifest.period_decisions, manifest.period_pause),
            seed=manifest.seed,
            transport=transport,
        ),
        links=links,
        seats=tuple(
            Seat(record.seat, link.code, link.url, record.trader, record.seed)
            for record, link in zip(manifest.seats, chosen, strict=True)
        ),
        specs={record.seat: _spec(record) for record in manifest.seats},
        catalogue=load_catalogue(models_file()),
        browser=browser_for(transport, BrowserOptions()),
        makers=_makers(recordings(events), manifest),
    )


def _spec(record: SeatRecord) -> TraderSpec:
    return TraderSpec(record.asked or record.trader, record.trader)


def _makers(sittings: Sequence[SeatRecording], manifest: RunManifest) -> Mapping[int, DecisionMaker]:
    """Return each seat's maker; of a run that was resumed, the first sitting's replies are used."""
    makers: dict[int, DecisionMaker] = {}
    for sitting in sittings:
        maker, model = maker_of(sitting, manifest)
        makers.setdefault(sitting.opened.seat, recorded_maker(sitting, maker, model, live=True))
    return makers


def _differences(recorded: Sequence[Event], played: Sequence[Event]) -> Iterator[Difference]:
    """Yield the prompts and decisions that are not as recorded, in the recording's order."""
    before, after = _prompts_and_decisions(recorded), _prompts_and_decisions(played)
    for key in [*before, *(key for key in after if key not in before)]:
        one, other = before.get(key), after.get(key)
        if one is None or other is None or as_bytes(one) != as_bytes(other):
            event = one or other
            yield Difference(event.seat if event else 0, one, other)


def _prompts_and_decisions(
    events: Sequence[Event],
) -> Mapping[tuple[str, int], ModelAsked | DecisionMade]:
    found: dict[tuple[str, int], ModelAsked | DecisionMade] = {}
    for event in events:
        if isinstance(event, ModelAsked):
            found[event.decision, event.attempt] = event
        elif isinstance(event, DecisionMade):
            found[event.decision, 0] = event
    return found
