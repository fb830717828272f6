"""The entry point of a run: opens what the plan needs, runs it, closes it.

Everything that the user may have to mend is checked before anything is started or written.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bots.adapters.browser_settings import BrowserSettings
from bots.adapters.clock import SystemClock
from bots.adapters.entry import is_shared
from bots.adapters.links import Credentials, SessionLinks, session_in_room, write_links_file
from bots.adapters.models.catalogue import Catalogue, load_catalogue
from bots.adapters.models.limits import Budget, spent_on
from bots.adapters.models.prices import price_table_version
from bots.adapters.run_folder import (
    FanOut,
    JournalWriter,
    append_metadata,
    create_run_folder,
    run_locked,
    runs_folder,
    write_manifest,
    written_in,
)
from bots.adapters.screenshots import Camera
from bots.adapters.shared_links import is_room, is_way_in, take_places
from bots.agents.past import Past
from bots.agents.prompts import texts_hash
from bots.agents.trading_agents import Pace, Table, TradingAgent
from bots.analysis.model_use import ModelMeter
from bots.analysis.run_data import read_journal
from bots.analysis.run_manifest import has_ended, manifest_of
from bots.domain.errors import RecordLost, TimeIsOver, UserMustMend, WaitedTooLong
from bots.domain.experiment import RunEnd, Seat, run_experiment
from bots.domain.ports import Clock, DecisionMaker, ParticipantSession
from bots.domain.records import Event, RunDescribed, RunEnded, RunManifest, RunOutcome, SeatRecord
from bots.services.awaited import Awaited
from bots.services.configuration import models_file
from bots.services.configuration_record import configuration_of
from bots.services.live_view import shown
from bots.services.local_model import with_local_model
from bots.services.plan import RunPlan
from bots.services.progress import Progress
from bots.services.room import Room
from bots.services.seats import links_of_bots, read_session, ways_in
from bots.services.steering import Steering, steered
from bots.services.surroundings import git_state, machine, package_versions, server_state
from bots.services.trader_checks import check_parameters, check_priced, check_ready
from bots.services.trader_specs import TraderSpec, assign
from bots.services.traders import Traders, make_fallback
from bots.services.transports import browser_for, open_entrance, recording_handovers

_log = logging.getLogger(__name__)

_AS_PARTICIPANTS = (
    "The server shows the room's session only after a login, and none is set (OTREE_REST_KEY): "
    "the bots came in as participants do, on the next free seats instead of the last ones."
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan that has been checked against the world; nothing is started or written yet."""

    plan: RunPlan
    links: SessionLinks
    seats: tuple[Seat, ...]
    specs: Mapping[int, TraderSpec]  # by seat number
    catalogue: Catalogue
    browser: BrowserSettings | None  # None: no browser is needed
    pasts: Mapping[int, Past] = field(default_factory=dict)  # by seat number; of a run that goes on
    earlier: Sequence[Event] = ()  # of a run that goes on
    makers: Mapping[int, DecisionMaker] = field(
        default_factory=dict
    )  # by seat number; in place of the spec's
    configuration: Mapping[str, Any] = field(default_factory=dict)  # as resolved, for the record
    server: Mapping[str, Any] = field(default_factory=dict)  # what the oTree server says of itself
    as_participants: bool = False  # in a room whose session only its admin may see


@dataclass(frozen=True, slots=True)
class RunReport:
    """Where a run is kept and how it ended."""

    folder: Path
    end: RunEnd


async def prepare(plan: RunPlan, environment: Mapping[str, str]) -> Prepared:
    """Check all that the user may have to mend.

    Raises:
        UserMustMend: says what, where and how.
    """
    catalogue = load_catalogue(models_file())
    credentials = credentials_of(environment)
    browser = browser_for(plan.transport, plan.browser)
    links = await read_session(plan, credentials)
    as_participants = links is None and plan.seats is None and not is_way_in(plan.url)
    if links is None:  # opened last: who opens a participant's link takes a place
        ways = ways_in(plan)
        specs = await _checked_specs(plan, len(ways), catalogue, environment)
        links = await take_places(plan.url, ways)
        if is_room(plan.url):
            links = replace(links, session_code=await session_in_room(plan.url, credentials))
        chosen = links.links
    else:
        chosen = await links_of_bots(plan, links, credentials)
        specs = await _checked_specs(plan, len(chosen), catalogue, environment)
    draw = random.Random(f"seats of {plan.seed}")
    seats = tuple(
        Seat(number, link.code, link.url, spec.name, draw.getrandbits(32))
        for number, (link, spec) in enumerate(zip(chosen, specs, strict=True), start=1)
    )
    return Prepared(
        plan,
        links,
        seats,
        {seat.number: spec for seat, spec in zip(seats, specs, strict=True)},
        catalogue,
        browser,
        configuration=configuration_of(plan, specs, catalogue, environment),
        server=await server_state(links, credentials),
        as_participants=as_participants,
    )


async def _checked_specs(
    plan: RunPlan, bots: int, catalogue: Catalogue, environment: Mapping[str, str]
) -> tuple[TraderSpec, ...]:
    """Return who trades at so many seats, all of whom can be asked.

    Raises:
        UserMustMend: says what, where and how.
    """
    specs = assign(plan.model, bots, plan.seed, catalogue)
    make_fallback(plan.fallback, plan.seed)
    check_ready(specs, catalogue, environment)
    await check_parameters(specs, catalogue)
    if plan.max_cost_usd is not None:
        check_priced(specs, catalogue)
    return specs


async def run(plan: RunPlan, room: Room) -> RunReport:
    """Do what the documented command does.

    Raises:
        UserMustMend: something has to be mended first; nothing was written unless the browser did not start.
        asyncio.CancelledError: the user ended it before or after the traders played.
    """
    return await run_prepared(await prepare(plan, room.environment), room)


async def run_prepared(prepared: Prepared, room: Room) -> RunReport:
    """Make the run's folder and play."""
    plan = prepared.plan
    runs = runs_folder(plan.data, production=plan.production)
    number, folder = create_run_folder(runs)
    clock = SystemClock()
    manifest = _manifest(prepared, number, clock)
    try:
        with written_in(folder):
            _describe(prepared, manifest, folder, clock)
    except UserMustMend:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    with run_locked(folder):
        room.say(f"Run {number} is kept in {folder}")
        if prepared.as_participants:
            room.say(_AS_PARTICIPANTS)
        return await play_to_the_end(prepared, manifest, folder, clock, room)


def _describe(prepared: Prepared, manifest: RunManifest, folder: Path, clock: Clock) -> None:
    """Begin the journal with what the run is, and derive the other files from that."""
    links = {link.number: link.url for link in prepared.links.links}
    with JournalWriter(folder / "journal.jsonl") as journal:
        journal.append(RunDescribed(at=clock.now(), manifest=manifest, links=links))
    write_manifest(folder, manifest)
    write_links_file(folder / "bot-links.cfg", prepared.links)
    append_metadata(folder.parent, manifest)


async def play_to_the_end(
    prepared: Prepared, manifest: RunManifest, folder: Path, clock: Clock, room: Room
) -> RunReport:
    """Let the traders play, and write into the manifest how it ended, whatever happens.

    Raises:
        RecordLost: the run ended because nothing more can be kept.
    """
    try:
        end = await _play(prepared, manifest, folder, clock, room)
    except Exception as error:
        told = str(error) if isinstance(error, UserMustMend) else f"{type(error).__name__}: {error}"
        keep_end(folder, RunEnd(RunOutcome.FAILED, {}, clock.now(), told))
        raise
    except BaseException:
        keep_end(folder, RunEnd(RunOutcome.INTERRUPTED, {}, clock.now(), "ended before its traders could"))
        raise
    write_end(folder)
    return RunReport(folder, end)


def keep_end(folder: Path, end: RunEnd) -> None:
    """Keep an end that no trader came to, as far as the disk lets us; one that is on record stands."""
    try:
        if not has_ended(read_journal(folder).events):
            with JournalWriter(folder / "journal.jsonl", reserve=False) as journal:
                journal.append(RunEnded(at=end.at, outcome=end.outcome, reason=end.reason))
        write_end(folder)
    except (RecordLost, OSError) as error:
        _log.error("how the run ended could not be kept: %s", error)


def write_end(folder: Path) -> None:
    """Write into the manifest what the journal says of the run's end and its models.

    Raises:
        RecordLost: it cannot be written.
    """
    try:
        write_manifest(folder, manifest_of(read_journal(folder).events))
    except OSError as error:
        raise RecordLost(
            f"the run has ended, and how could not be written here ({error.strerror or error})",
            where=str(folder / "manifest.json"),
            mend=f"Free space or mend the disk; then: bots rebuild {folder}",
        ) from error


def end_of_all_seats(folder: Path, clock: Clock) -> RunReport:
    """Write that a run is finished whose seats all are."""
    end = RunEnd(RunOutcome.FINISHED, {}, clock.now())
    with JournalWriter(folder / "journal.jsonl") as journal:
        journal.append(RunEnded(at=end.at, outcome=end.outcome))
    write_end(folder)
    return RunReport(folder, end)


async def _play(prepared: Prepared, manifest: RunManifest, folder: Path, clock: Clock, room: Room) -> RunEnd:
    plan, title = prepared.plan, f"Run {manifest.run}: {manifest.model}"
    meter = ModelMeter(prepared.earlier)
    until = clock.monotonic() + 60 * prepared.plan.timeout_minutes
    progress = Progress(prepared.seats, until, clock, title, meter)
    budget = Budget(plan.max_tokens, plan.max_cost_usd, spent_on(meter.uses))
    with JournalWriter(folder / "journal.jsonl") as journal:
        table = Table(
            FanOut(journal, progress.listen),
            clock,
            until,
            manifest.run_id,
            pace=Pace(period=plan.rhythm, wait_seconds=plan.wait_seconds),
            forms=plan.form_fallback,
            # Who comes in by a link for many does not learn who else does.
            with_people=manifest.subjects > manifest.bots or is_shared(plan.url),
        )
        handed_over = recording_handovers(prepared.seats, table.store, clock)
        specs, log = prepared.specs.values(), folder / "local-model.log"
        async with (
            with_local_model(specs, prepared.catalogue, room.environment, log) as environment,
            Traders(prepared.catalogue, environment, clock, budget) as traders,
            open_entrance(plan.transport, prepared.browser, handed_over) as entrance,
            shown(progress, room.console),
        ):
            steering = Steering(progress, table.pauses, table.store, clock, room.interrupt.signalled)

            camera = Camera(folder / "screenshots", plan.browser.screenshots, clock.now)

            awaited = Awaited(prepared.links, credentials_of(room.environment))

            async def play(seat: Seat) -> None:
                session = camera.facing(seat.number, await entrance.open_session(seat.link))
                await _play_seat(seat, prepared, session, table, traders, awaited)

            with room.interrupt.gently() as stop, steered(steering, room.console), camera.on_demand():
                return await run_experiment(
                    prepared.seats, play, store=table.store, clock=clock, until=until, stop=stop
                )


async def _play_seat(
    seat: Seat,
    prepared: Prepared,
    session: ParticipantSession,
    table: Table,
    traders: Traders,
    awaited: Awaited,
) -> None:
    try:
        maker = prepared.makers.get(seat.number) or traders.build(prepared.specs[seat.number], seat.seed)
        fallback = make_fallback(prepared.plan.fallback, seat.seed)
        past = prepared.pasts.get(seat.number)
        await TradingAgent(seat, session, maker=maker, fallback=fallback, table=table, past=past).play()
    except WaitedTooLong as waited:
        raise WaitedTooLong(await awaited.named(str(waited), seat.participant)) from waited
    except (TimeIsOver, asyncio.CancelledError) as over:
        if not str(over):  # cut short somewhere else than at a wait page
            raise
        raise type(over)(await awaited.named_at_the_end(str(over), seat.participant)) from over
    finally:
        await session.close()


def _manifest(prepared: Prepared, number: int, clock: Clock) -> RunManifest:
    plan = prepared.plan
    return RunManifest(
        run=number,
        run_id=uuid.uuid4().hex[:12],
        production=plan.production,
        notes=plan.notes,
        url=plan.url,
        model=plan.model,
        command=tuple(sys.argv),
        started=clock.now(),
        subjects=len(prepared.links.links),
        bots=len(prepared.seats),
        timeout_minutes=plan.timeout_minutes,
        wait_minutes=plan.wait_minutes,
        fallback=plan.fallback,
        form_fallback=plan.form_fallback.value,
        period_decisions=plan.rhythm.decisions,
        period_pause=plan.rhythm.pause,
        max_tokens=plan.max_tokens,
        max_cost_usd=plan.max_cost_usd,
        prices=price_table_version(),
        prompts=texts_hash(),
        transport=plan.transport.value,
        seed=plan.seed,
        seats=_seat_records(prepared.seats, prepared.specs),
        packages=package_versions(),
        git=git_state(),
        machine=machine(),
        configuration=dict(prepared.configuration),
        server=dict(prepared.server),
    )


def _seat_records(seats: Sequence[Seat], specs: Mapping[int, TraderSpec]) -> tuple[SeatRecord, ...]:
    return tuple(
        SeatRecord(
            seat=seat.number,
            participant=seat.participant,
            trader=seat.trader,
            asked=specs[seat.number].asked,
            persona=specs[seat.number].persona_name,
            parameters=dict(specs[seat.number].parameters_at(seat.seed)),
            seed=seat.seed,
        )
        for seat in seats
    )


def credentials_of(environment: Mapping[str, str]) -> Credentials:
    """Return what opens the admin pages and the REST interface of the experiment's oTree server."""
    key, password = environment.get("OTREE_REST_KEY"), environment.get("OTREE_ADMIN_PASSWORD")
    return Credentials(
        rest_key=SecretStr(key) if key else None,
        username=environment.get("OTREE_ADMIN_USERNAME", "admin"),
        password=SecretStr(password) if password else None,
    )
