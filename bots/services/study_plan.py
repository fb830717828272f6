"""A plan's file → a study that can be run: every key, name and number checked before anything starts.

plan = read_plan(Path("study.toml"))         the file, valid by itself
study = resolve_study(plan, path, catalogue) its cells, its traders known, its hash
"""

from __future__ import annotations

import difflib
import random
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bots.adapters.models.catalogue import Catalogue
from bots.agents.fallbacks import FALLBACKS
from bots.agents.prompts import texts_hash, variants
from bots.analysis.measures import MEASURES, unit_of
from bots.domain.errors import UserMustMend
from bots.domain.experiment import Seat
from bots.domain.study import (
    MOST_REPETITIONS,
    MOST_TRADERS,
    Cell,
    Limits,
    ModelParameters,
    PlanFault,
    Rules,
    Seeds,
    Settings,
    StudyPlan,
    Treatment,
    resolved_hash,
)
from bots.services.configuration import CONFIG
from bots.services.trader_specs import TraderSpec, assign, styled

PLAN_VERSION = 1
TEMPLATE = CONFIG / "study.toml.example"

_TABLES: Mapping[str, type[BaseModel]] = {
    "seeds": Seeds,
    "limits": Limits,
    "rules": Rules,
    "treatments": Treatment,
}
_DEPTH = {"treatments": 2, "seeds": 1, "limits": 1, "rules": 1, "market": 1, "parameters": 1}
_SEED = "a whole number of at least 0"
_FLAG = "true or false"
_ALLOWED: Mapping[str, str] = {
    "repetitions": f"a whole number from 1 to {MOST_REPETITIONS}",
    "model": 'a text such as "gpt-4o"',
    "traders": f"a whole number from 2 to {MOST_TRADERS}",
    "seats": 'a text such as "fundamentalist" or "4 x fundamentalist, 2 x gpt-4o"',
    "shuffle": _FLAG,
    "timed": _FLAG,
    "fallback": 'a text such as "hold"',
    "prompt": 'the name of a variant of the prompts, such as "standard"',
    "reasoning_text": _FLAG,
    "reflection": _FLAG,
    "temperature": "a number from 0 to 2",
    "top_p": "a number above 0 and at most 1",
    "reasoning_effort": '"minimal", "low", "medium", "high", "xhigh" or "max"',
    "persona": 'a name of models.toml in quotes, or ""',
    "place": '"in-process" or "server"',
    "memory_window": 'a whole number of rounds from 0 to 1000, or "all"',
    "timeout_minutes": "a number of minutes above 0 and below 43200",
    "dividends": _SEED,
    "seating": _SEED,
    "sampling": _SEED,
    "outcomes": 'a list of measures such as ["rad", "turnover"]',
    "outcome_market": '"all", "first" or "last"',
    "stop_after_failed": "a whole number of markets of at least 1",
    "exclude_undecided": _FLAG,
    "exclude_fallback_share": 'a share from 0 to below 1 in quotes, such as "0.10"',
    "max_tokens": "a whole number above 0",
    "max_cost_usd": 'an amount above 0 in quotes, such as "25.00"',
}


@dataclass(frozen=True)
class Study:
    """A plan that can be run.

    Attributes:
        where: the plan's file.
        cells: repetition by repetition.
        catalogue: the names it was resolved with.
        resolved: everything that decides what its markets do, as JSON data.
        model: that was put in the place of the plan's; None for none.
    """

    where: Path
    plan: StudyPlan
    cells: Sequence[Cell]
    catalogue: Catalogue
    resolved: Mapping[str, Any]
    model: str | None = None

    @property
    def words(self) -> str:
        """What a verb needs to be told to find this study again."""
        return str(self.where) if self.model is None else f"{self.where} --model {self.model}"

    @cached_property
    def hash(self) -> str:
        """Of the resolved plan: it changes where a result could, and not with notes, limits or layout."""
        return resolved_hash(self.resolved)

    def unit_of(self, measure: str) -> str:
        """Return the unit of a measure in the study's markets, an asset's where they are of several kinds."""
        of = [self.plan.settings(name) for name in self.plan.treatments]
        forecasts = all(one.forecasting is not None for one in of)
        units = not forecasts and all(
            one.forecasting is None and one.parameters.schedule is not None for one in of
        )
        return unit_of(measure, units=units, forecasts=forecasts)

    def parameters_set_in(self, treatment: str) -> Mapping[str, str]:
        """Return, for each parameter of models that the plan sets, the file, table and key of it."""
        changed = self.plan.treatments[treatment].parameters
        tables = {"parameters": self.plan.parameters, f"treatments.{treatment}.parameters": changed}
        return {
            key: _where(self.where, table, key)
            for table, given in tables.items()
            for key in given.model_dump(exclude_none=True)
        }

    @property
    def folder_name(self) -> str:
        """What the study's folder is called."""
        return f"{self.plan.name}-{self.hash}"

    def seated(self, cell: Cell) -> tuple[TraderSpec, ...]:
        """Return who sits at each seat of a cell."""
        return seated(cell, self.catalogue)

    @property
    def traders(self) -> Iterator[TraderSpec]:
        """Everybody who trades in the first repetition; later ones have the same."""
        for cell in self.cells[: len(self.plan.treatments)]:
            yield from self.seated(cell)


def read_plan(path: Path, model: str | None = None) -> StudyPlan:
    """Read a plan's file.

    Args:
        model: takes the place of the plan's.

    Raises:
        UserMustMend: names file, table and key.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserMustMend(
            f"cannot be read ({error.strerror})",
            where=str(path),
            mend="Name a plan; `bots study new` writes one.",
        ) from error
    except ValueError as error:
        raise UserMustMend(
            f"is no TOML file: {error}", where=str(path), mend="Mend the line it names."
        ) from error
    try:
        return StudyPlan.model_validate(raw if model is None else {**raw, "model": model})
    except ValidationError as error:
        raise _unusable(error, path) from None


def resolve_study(plan: StudyPlan, path: Path, catalogue: Catalogue) -> Study:
    """Return the study a plan stands for.

    Raises:
        UserMustMend: a name nobody has, counts that do not add up, a market that cannot be: names file, table
            and key.
    """
    for name in plan.outcomes:
        if name not in MEASURES:
            raise UserMustMend(
                f"there is no measure {name!r}",
                where=f"{path}, key outcomes",
                mend=f"Name some of {', '.join(MEASURES)}.",
            )
    treatments = {name: _resolve_treatment(plan, name, path, catalogue) for name in plan.treatments}
    resolved = {
        "version": PLAN_VERSION,
        "name": plan.name,
        "repetitions": plan.repetitions,
        "seeds": plan.seeds.model_dump(),
        "treatments": treatments,
    }
    return Study(path, plan, plan.cells(), catalogue, resolved)


def seated(cell: Cell, catalogue: Catalogue) -> tuple[TraderSpec, ...]:
    """Return who sits at each seat of a cell, seat 1 first."""
    specs = list(_assigned(cell.settings, cell.seating_seed, catalogue))
    if cell.settings.shuffle:
        random.Random(f"seats of {cell.seating_seed}").shuffle(specs)
    return tuple(specs)


def seats_of(cell: Cell, specs: Sequence[TraderSpec]) -> tuple[Seat, ...]:
    """Return the seats of a cell, each with a seed of its own."""
    draw = random.Random(f"seats of {cell.sampling_seed}")
    return tuple(
        Seat(number, f"trader{number}", "", spec.name, draw.getrandbits(32))
        for number, spec in enumerate(specs, start=1)
    )


def _assigned(settings: Settings, seed: int, catalogue: Catalogue) -> tuple[TraderSpec, ...]:
    specs = assign(settings.seats, settings.traders, seed, catalogue, people=True)
    return tuple(styled(spec, settings.wording, catalogue) for spec in specs)


def _resolve_treatment(plan: StudyPlan, name: str, path: Path, catalogue: Catalogue) -> dict[str, Any]:
    """Return all that decides what a treatment's markets do, as JSON data."""
    try:
        settings = plan.settings(name)
    except PlanFault as fault:
        raise UserMustMend(fault.what, where=_where(path, fault.table, fault.key), mend=fault.mend) from None
    changed = plan.treatments[name]
    _check_manner(plan, name, path, catalogue)
    where = _where(path, _table(name, changed.seats), "seats")
    specs = _known(settings, where, catalogue)
    _check_people(specs, settings, where)
    if settings.fallback not in FALLBACKS:
        raise UserMustMend(
            f"{settings.fallback!r} cannot act where a decision fails",
            where=_where(path, _table(name, changed.fallback), "fallback"),
            mend=f"Name one of {', '.join(sorted(FALLBACKS))}.",
        )
    asks_models = any(spec.model is not None for spec in specs)
    return {
        "market": dict(settings.config),
        "seats": [_seat(spec) for spec in specs],
        "shuffle": settings.shuffle,
        "fallback": settings.fallback,
        "memory_window": settings.memory_window,
        "timed": settings.timed,
        **({"place": settings.place} if settings.place != "in-process" else {}),
        **({"prompts": texts_hash()} if asks_models else {}),
    }


def _check_manner(plan: StudyPlan, name: str, path: Path, catalogue: Catalogue) -> None:
    """Check the names of what a treatment changes of how models are told.

    Raises:
        UserMustMend: nothing has such a name.
    """
    changed = plan.treatments[name]
    known: Mapping[str, Collection[str]] = {"prompt": variants(), "persona": catalogue.personas}
    for key, names in known.items():
        own = getattr(changed, key)
        value = getattr(plan, key) if own is None else own
        if value and value not in names:
            raise UserMustMend(
                f"there is none named {value!r}",
                where=_where(path, _table(name, own), key),
                mend=f"Use {' or '.join(sorted(names)) or 'no name: there is none yet'}.",
            )


def _seat(spec: TraderSpec) -> dict[str, Any]:
    persona = {} if spec.persona is None else {"persona": spec.persona.model_dump(mode="json")}
    return {"trader": spec.name, "parameters": dict(spec.parameters), **persona}


def _known(settings: Settings, where: str, catalogue: Catalogue) -> tuple[TraderSpec, ...]:
    """Return who trades.

    Raises:
        UserMustMend: at `where`, not at the option of the documented command.
    """
    try:
        return _assigned(settings, 0, catalogue)
    except UserMustMend as error:
        raise UserMustMend(
            error.what, where=where, mend=error.mend.replace("--num-bots", "traders")
        ) from None


def _check_people(specs: Sequence[TraderSpec], settings: Settings, where: str) -> None:
    """Check that people have pages to come to, and a bot to be followed by.

    Raises:
        UserMustMend: the market is in process, or nobody but people trades.
    """
    people = sum(spec.is_person for spec in specs)
    if people and settings.place != "server":
        raise UserMustMend(
            "a market in process has no pages that people could come to",
            where=where,
            mend='Set place = "server" there, or seat a strategy or a model.',
        )
    if people == len(specs):
        raise UserMustMend(
            "only people trade, and a study follows a market through the pages of its bots",
            where=where,
            mend="Seat one bot at least, such as hold, which sends no orders.",
        )


def _table(treatment: str, changed: object) -> str:
    return "" if changed is None else f"treatments.{treatment}"


def _where(path: Path, table: str, key: str) -> str:
    return f"{path}, table [{table}], key {key}" if table else f"{path}, key {key}"


def _unusable(error: ValidationError, path: Path) -> UserMustMend:
    faults = {_place(fault["loc"]): fault for fault in reversed(error.errors(include_url=False))}
    (table, key), fault = next(reversed(faults.items()))
    others = [_where(path, *place).removeprefix(f"{path}, ") for place in reversed(faults)][1:]
    mend = _mend(fault, table, key) + (f" Then mend: {'; '.join(others)}." if others else "")
    where = _where(path, table, key) if key else str(path)
    return UserMustMend(_what(fault, key), where=where, mend=mend)


def _place(location: tuple[int | str, ...]) -> tuple[str, str]:
    """Return table and key of a fault; parts that only validation knows are left out."""
    parts = [str(part) for part in location]
    depth = _DEPTH.get(parts[0], 0) if parts else 0
    if depth == 2 and parts[2:3] in (["market"], ["parameters"]):
        depth = 3
    if len(parts) <= depth:
        return ".".join(parts[:-1]), parts[-1] if parts else ""
    return ".".join(parts[:depth]), parts[depth]


def _what(fault: Mapping[str, Any], key: str) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return "is no setting that is known here"
        case "missing":
            return "is missing"
        case "value_error":
            return str(fault["msg"]).removeprefix("Value error, ")
        case _:
            told = str(fault["msg"])
            allowed = _ALLOWED.get(key)
            return f"must be {allowed}, was {_short(fault['input'])}" if allowed else told


def _mend(fault: Mapping[str, Any], table: str, key: str) -> str:
    if fault["type"] == "extra_forbidden":
        head, last = table.partition(".")[0], table.rpartition(".")[2]
        model = ModelParameters if last == "parameters" else _TABLES.get(head, StudyPlan)
        near = difflib.get_close_matches(key, model.model_fields, n=2, cutoff=0.5)
        return f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(model.model_fields)}."
    if fault["type"] == "missing":
        return f"Add {key} = …, {_ALLOWED.get(key, 'a name for the study')}."
    return "Write what is allowed, or take it out."


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
