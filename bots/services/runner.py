"""The entry point of a run: opens what the plan needs, runs it, closes it.

Everything that the user may have to mend is checked before anything is started or written.
"""

from __future__ import annotations

import random
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from bots.adapters.clock import SystemClock
from bots.adapters.links import Credentials, SessionLinks, read_links, write_links_file
from bots.adapters.models.catalogue import Catalogue, load_catalogue
from bots.adapters.models.prices import price_table_version
from bots.adapters.run_folder import (
    FanOut,
    JournalWriter,
    append_metadata,
    create_run_folder,
    run_locked,
    runs_folder,
    write_manifest,
)
from bots.adapters.web_driver import BrowserSettings
from bots.agents.past import Past
from bots.agents.prompts import texts_hash
from bots.agents.trading_agents import Table, TradingAgent
from bots.analysis.model_use import ModelMeter
from bots.domain.experiment import RunEnd, Seat, manifest_at_end, run_experiment
from bots.domain.ports import Clock, DecisionMaker
from bots.domain.records import Event, RunManifest, RunOutcome, SeatRecord
from bots.services.configuration import CONFIG
from bots.services.live_view import shown
from bots.services.local_model import with_local_model
from bots.services.plan import RunPlan, links_for_bots
from bots.services.progress import Progress
from bots.services.room import Room
from bots.services.surroundings import git_state, machine, package_versions
from bots.services.traders import (
    Budget,
    Traders,
    TraderSpec,
    assign,
    check_parameters,
    check_priced,
    check_ready,
    make_fallback,
    spent_on,
)
from bots.services.transports import Entrance, browser_for, open_entrance


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
    catalogue = load_catalogue(CONFIG / "models.toml")
    links = await read_links(plan.url, credentials_of(environment))
    chosen = links_for_bots(links.links, plan.num_bots)
    specs = assign(plan.model, len(chosen), plan.seed, catalogue)
    make_fallback(plan.fallback, plan.seed)
    check_ready(specs, catalogue, environment)
    await check_parameters(specs, catalogue)
    if plan.max_cost_usd is not None:
        check_priced(specs, catalogue)
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
        browser_for(plan.transport, headed=plan.headed),
    )


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
    write_manifest(folder, manifest)
    append_metadata(runs, manifest)
    write_links_file(folder / "bot-links.cfg", prepared.links)
    room.console.print(f"Run {number} is kept in {folder}", highlight=False, markup=False)
    with run_locked(folder):
        return await play_to_the_end(prepared, manifest, folder, clock, room)


async def play_to_the_end(
    prepared: Prepared, manifest: RunManifest, folder: Path, clock: Clock, room: Room
) -> RunReport:
    """Let the traders play, and write into the manifest how it ended, whatever happens."""
    end = RunEnd(RunOutcome.INTERRUPTED, {}, "ended before the traders played")
    meter = ModelMeter(prepared.earlier)
    try:
        end = await _play(prepared, manifest, folder, clock, room, meter)
    except Exception as error:
        end = RunEnd(RunOutcome.FAILED, {}, f"{type(error).__name__}: {error}")
        raise
    finally:
        manifest = manifest_at_end(manifest, end, clock.now())
        used = {"models": meter.uses, "over_budget": meter.over_budget}
        write_manifest(folder, manifest.model_copy(update=used))
    return RunReport(folder, end)


def end_of_all_seats(manifest: RunManifest, folder: Path, clock: Clock) -> RunReport:
    """Write that a run is finished whose seats all are."""
    end = RunEnd(RunOutcome.FINISHED, {})
    write_manifest(folder, manifest_at_end(manifest, end, clock.now()))
    return RunReport(folder, end)


async def _play(
    prepared: Prepared, manifest: RunManifest, folder: Path, clock: Clock, room: Room, meter: ModelMeter
) -> RunEnd:
    plan, title = prepared.plan, f"Run {manifest.run}: {manifest.model}"
    until = clock.monotonic() + 60 * prepared.plan.timeout_minutes
    progress = Progress(prepared.seats, until, clock, title, meter)
    budget = Budget(plan.max_tokens, plan.max_cost_usd, spent_on(meter.uses))
    with JournalWriter(folder / "journal.jsonl") as journal:
        table = Table(FanOut(journal, progress.listen), clock, until, manifest.run_id)
        specs, log = prepared.specs.values(), folder / "local-model.log"
        async with (
            with_local_model(specs, prepared.catalogue, room.environment, log) as environment,
            Traders(prepared.catalogue, environment, clock, budget) as traders,
            open_entrance(plan.transport, prepared.browser) as entrance,
            shown(progress, room.console),
        ):

            async def play(seat: Seat) -> None:
                await _play_seat(seat, prepared, entrance, table, traders)

            with room.interrupt.gently() as stop:
                return await run_experiment(
                    prepared.seats, play, store=table.store, clock=clock, until=until, stop=stop
                )


async def _play_seat(
    seat: Seat, prepared: Prepared, entrance: Entrance, table: Table, traders: Traders
) -> None:
    session = await entrance.open_session(seat.link)
    try:
        maker = prepared.makers.get(seat.number) or traders.build(prepared.specs[seat.number], seat.seed)
        fallback = make_fallback(prepared.plan.fallback, seat.seed)
        past = prepared.pasts.get(seat.number)
        await TradingAgent(seat, session, maker=maker, fallback=fallback, table=table, past=past).play()
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
        fallback=plan.fallback,
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
    )


def _seat_records(seats: Sequence[Seat], specs: Mapping[int, TraderSpec]) -> tuple[SeatRecord, ...]:
    return tuple(
        SeatRecord(
            seat=seat.number,
            participant=seat.participant,
            trader=seat.trader,
            asked=specs[seat.number].asked,
            parameters=dict(specs[seat.number].parameters),
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
