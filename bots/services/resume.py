"""A run that was cut short goes on: each trader at the page that is due, with its memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from bots.adapters.browser_settings import BrowserOptions
from bots.adapters.clock import SystemClock
from bots.adapters.links import ParticipantLink, read_links_file
from bots.adapters.models.catalogue import Catalogue, load_catalogue
from bots.adapters.run_folder import (
    JournalWriter,
    mend_journal,
    read_manifest,
    run_locked,
    write_manifest,
    written_in,
)
from bots.agents.options import FormAnswers, Rhythm
from bots.agents.past import Past
from bots.analysis.run_data import read_journal
from bots.analysis.run_manifest import description
from bots.domain.errors import UserMustMend
from bots.domain.experiment import Seat
from bots.domain.records import Event, RunManifest, RunOutcome, RunResumed, SeatOutcome, SeatRecord
from bots.services.configuration import models_file
from bots.services.plan import Again, RunPlan, Transport
from bots.services.room import Room
from bots.services.runner import Prepared, RunReport, end_of_all_seats, play_to_the_end
from bots.services.trader_checks import check_ready
from bots.services.trader_specs import TraderSpec, resolve
from bots.services.traders import make_fallback
from bots.services.transports import browser_for

T = TypeVar("T")


async def resume(folder: Path, room: Room, again: Again) -> RunReport:
    """Play the seats of a run that had not finished.

    Args:
        folder: the run's folder.
        again: what is not as it was at first.

    Raises:
        UserMustMend: no run to resume, one that is over or running, or settings that changed since.
    """
    manifest = read_manifest(folder)
    with run_locked(folder):
        _check_resumable(folder, manifest)
        events = _events(folder)
        prepared = _prepare(folder, manifest, events, room.environment, again)
        clock = SystemClock()
        resumed = clock.now()
        manifest = running_again(manifest, prepared.seats, resumed)
        with written_in(folder):
            torn = mend_journal(folder / "journal.jsonl")
            with JournalWriter(folder / "journal.jsonl") as journal:
                journal.append(goes_on := RunResumed(at=resumed, torn=torn))
            write_manifest(folder, manifest)
        prepared = replace(prepared, earlier=(*prepared.earlier, goes_on))
        left = f"{len(prepared.seats)} of {len(manifest.seats)} seats"
        room.say(f"Run {manifest.run} goes on in {folder}: {left}")
        if not prepared.seats:  # killed between its last seat's end and its own
            return end_of_all_seats(folder, clock)
        return await play_to_the_end(prepared, manifest, folder, clock, room)


def _check_resumable(folder: Path, manifest: RunManifest) -> None:
    if manifest.outcome is RunOutcome.FINISHED:
        raise _over(folder)
    if not (folder / "journal.jsonl").exists():
        raise UserMustMend(
            "the run ended before anything was played",
            where=str(folder),
            mend="Start it anew with the command in its manifest.json.",
        )


def _over(folder: Path) -> UserMustMend:
    return UserMustMend(
        "this run is finished, there is nothing to resume",
        where=str(folder),
        mend="Start a new run, or look at this one in its folder.",
    )


def _events(folder: Path) -> tuple[Event, ...]:
    try:
        events = read_journal(folder).events
    except (OSError, ValueError) as error:
        raise UserMustMend(
            f"its journal cannot be read ({error})",
            where=str(folder / "journal.jsonl"),
            mend="Restore the file from a copy; what a crash cut short is recognised by itself.",
        ) from error
    if description(events) is None:
        raise UserMustMend(
            "its journal does not begin with what the run is",
            where=str(folder / "journal.jsonl"),
            mend="Resume it with the version that wrote it; manifest.json names the commit.",
        )
    return events


def _prepare(
    folder: Path,
    manifest: RunManifest,
    events: tuple[Event, ...],
    environment: Mapping[str, str],
    again: Again,
) -> Prepared:
    catalogue = load_catalogue(models_file())
    pasts = {record.seat: Past.of_seat(events, record.seat) for record in manifest.seats}
    left = [record for record in manifest.seats if not pasts[record.seat].finished]
    specs = {record.seat: _same_trader(record, catalogue) for record in left}
    make_fallback(manifest.fallback, manifest.seed)
    check_ready(specs.values(), catalogue, environment)
    links = replace(
        read_links_file(folder / "bot-links.cfg"), session_code=manifest.server.get("session")
    )  # that the file does not tell
    by_code = {link.code: link for link in links.links}
    return Prepared(
        plan=_plan(manifest, again),
        links=links,
        seats=tuple(_seat(record, by_code, folder) for record in left),
        specs=specs,
        catalogue=catalogue,
        browser=browser_for(Transport(manifest.transport), _browser_of(manifest, again.headed)),
        pasts=pasts,
        earlier=events,
    )


def _same_trader(record: SeatRecord, catalogue: Catalogue) -> TraderSpec:
    spec = resolve(record.asked or record.trader, catalogue)
    if (spec.name, dict(spec.parameters)) != (record.trader, record.parameters):
        raise UserMustMend(
            f"{record.asked or record.trader} no longer stands for what sat at seat {record.seat} "
            f"({record.trader} with {record.parameters})",
            where=catalogue.where,
            mend="Restore its entry as it was when the run started, or start a new run.",
        )
    return spec


def _plan(manifest: RunManifest, again: Again) -> RunPlan:
    return RunPlan(
        url=manifest.url,
        model=manifest.model,
        production=manifest.production,
        notes=manifest.notes,
        timeout_minutes=_given(again.timeout_minutes, manifest.timeout_minutes),
        wait_minutes=_given(again.wait_minutes, manifest.wait_minutes),
        fallback=manifest.fallback,
        form_fallback=FormAnswers(manifest.form_fallback),
        rhythm=Rhythm(manifest.period_decisions, manifest.period_pause),
        max_cost_usd=manifest.max_cost_usd,
        max_tokens=manifest.max_tokens,
        seed=manifest.seed,
        browser=_browser_of(manifest, again.headed),
        transport=Transport(manifest.transport),
    )


def _given(anew: T | None, at_first: T) -> T:
    return at_first if anew is None else anew


def _browser_of(manifest: RunManifest, headed: bool) -> BrowserOptions:
    """Return the browser of the run's first part; whether it is shown is of the day."""
    given = manifest.configuration.get("options", {}).get("browser", {})
    return replace(TypeAdapter(BrowserOptions).validate_python(given), headed=headed)


def _seat(record: SeatRecord, links: Mapping[str, ParticipantLink], folder: Path) -> Seat:
    link = links.get(record.participant)
    if link is None:
        raise UserMustMend(
            f"the link of participant {record.participant} (seat {record.seat}) is missing",
            where=str(folder / "bot-links.cfg"),
            mend="Restore the file as the run wrote it.",
        )
    return Seat(record.seat, record.participant, link.url, record.trader, record.seed)


def running_again(manifest: RunManifest, seats: tuple[Seat, ...], resumed: datetime) -> RunManifest:
    """Return a run's manifest while `seats`, which had not finished, are played on."""
    playing = {seat.number for seat in seats}
    records = tuple(
        record.model_copy(update={"outcome": SeatOutcome.RUNNING, "reason": ""})
        if record.seat in playing
        else record.model_copy(update={"outcome": SeatOutcome.FINISHED, "reason": ""})
        for record in manifest.seats
    )
    return manifest.model_copy(
        update={
            "outcome": RunOutcome.RUNNING,
            "reason": "",
            "ended": None,
            "resumed": (*manifest.resumed, resumed),
            "seats": records,
        }
    )
