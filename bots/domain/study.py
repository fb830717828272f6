"""The plan of a study, and the cells it stands for: treatments × repetitions, each one market.

A plan is what the user wrote, valid once built; a cell is all that one market needs and nothing else. What a
treatment leaves out is as in the plan. Seeds of dividends, seating and sampling are kept apart, so that each
can be varied with the others held.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bots.domain.market import Value
from markets.config import Config
from markets.forecasting_parameters import FORECASTING_PRESETS, LEARNING_TO_FORECAST, ForecastingParameters
from markets.parameters import MarketParameters, ParameterError
from markets.presets import PRESETS

_T = TypeVar("_T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}\Z")
_COUNT = re.compile(r"\s*(?:(\d{1,4})\s*x\s+)?(\S+)\s*\Z")
_TIMER = "_seconds"  # how the config keys of timers end
_PRESETS: Mapping[str, Config] = {**PRESETS, **FORECASTING_PRESETS}
_HASH_LENGTH = 12  # hex digits that a folder's name and a manifest carry

MODEL_HERE = "{model}"
MOST_TRADERS = 1000
MOST_REPETITIONS = 100_000
MOST_CELLS = 1_000_000


def _money(value: object) -> object:
    if isinstance(value, float):
        raise ValueError(f'must be written in quotes, as "{value}"')  # noqa: TRY004 - told as a fault of the file
    return value


Window = Literal["all"] | Annotated[int, Field(ge=0, le=1000, strict=True)]
Traders = Annotated[int, Field(ge=2, le=MOST_TRADERS, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Place = Literal["in-process", "server"]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Persona = Annotated[str, Field(max_length=200)]  # a name of models.toml; empty for nobody


class Seeds(Value):
    """Where randomness comes from; each seed is of one thing alone."""

    dividends: Seed = 1  # repetition k has the same dividends in every treatment
    seating: Seed = 1  # who sits where, where seats are shuffled; the same in every treatment
    sampling: Seed = 1  # the traders' own draws, of each market its own


class Limits(Value):
    """What all cells together may use of models; None for no limit."""

    max_tokens: Annotated[int, Field(gt=0, strict=True)] | None = None
    max_cost_usd: Annotated[Decimal, BeforeValidator(_money), Field(gt=0)] | None = None


class Rules(Value):
    """When a study stops, and which finished markets its results leave out; None for never.

    Attributes:
        stop_after_failed: failed and undecided markets of one call, after which no further one is begun.
        exclude_undecided: a market in which every decision of some trader failed is undecided: left out of
            comparisons, listed, and played anew by the next call.
        exclude_fallback_share: a market in which the declared fallback made a larger share of decisions is
            left out of comparisons, and listed.
    """

    stop_after_failed: Annotated[int, Field(ge=1, strict=True)] | None = None
    exclude_undecided: Flag = True
    exclude_fallback_share: Annotated[Decimal, BeforeValidator(_money), Field(ge=0, lt=1)] | None = None


class ModelParameters(Value):
    """Parameters sent with every request, where they differ from models.toml; None for as there."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(strict=True)] | None = None
    max_tokens: Annotated[int, Field(gt=0, strict=True)] | None = None
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh", "max"] | None = None

    def over(self, other: ModelParameters) -> Mapping[str, Any]:
        """Return what differs from models.toml where these change `other`."""
        return other.model_dump(exclude_none=True) | self.model_dump(exclude_none=True)


class Treatment(Value):
    """What a treatment changes; None is as in the plan."""

    market: Mapping[str, Any] = Field(default_factory=dict)
    traders: Traders | None = None
    seats: Text | None = None
    shuffle: Flag | None = None
    fallback: Text | None = None
    memory_window: Window | None = None
    prompt: Text | None = None
    reasoning_text: Flag | None = None
    reflection: Flag | None = None
    parameters: ModelParameters = ModelParameters()
    persona: Persona | None = None
    timed: Flag | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a treatment's markets are played with.

    Attributes:
        config: every key of the session config.
        traders: in one market.
        seats: one name, counts such as `4 x fundamentalist, 2 x gpt-4o`, or a mixed table of models.toml.
        shuffle: draw who sits where; in a market in process an earlier seat orders earlier.
        fallback: who acts where a decision fails.
        memory_window: rounds a decision is given; `all` for every one.
        wording: settings and parameters of models, where they differ from models.toml.
        timed: pages end as they would for people.
        place: in the study's own processes, or in a session of an oTree server.
    """

    config: Config
    traders: int
    seats: str
    shuffle: bool
    fallback: str
    memory_window: Window
    wording: Mapping[str, Any]
    timed: bool
    place: Place = "in-process"

    @property
    def parameters(self) -> MarketParameters:
        """The parameters of a market in which an asset or units are traded."""
        return MarketParameters.from_config(self.config)

    @property
    def forecasting(self) -> ForecastingParameters | None:
        """The parameters of a market that forecasts alone make; None where something is traded."""
        return ForecastingParameters.from_config(self.config) if _forecasts_alone(self.config) else None

    @property
    def usual_price(self) -> Fraction:
        """The market's initial price; where forecasts alone make it, the fundamental."""
        forecasting = self.forecasting
        return forecasting.rules.fundamental if forecasting else self.parameters.initial_price

    @property
    def own_seed(self) -> str:
        """The seed of dividends, or of a forecasting market's noise, that the market itself sets."""
        return str(self.config["noise_seed" if _forecasts_alone(self.config) else "dividend_seed"])


@dataclass(frozen=True, slots=True)
class Cell:
    """One market of a study: treatment `treatment`, repetition `repetition` from 1."""

    treatment: str
    repetition: int
    settings: Settings
    dividend_seed: str
    seating_seed: int
    sampling_seed: int

    @property
    def key(self) -> tuple[str, int]:
        """Names the cell in its study."""
        return self.treatment, self.repetition


class StudyPlan(Value):
    """A plan as its file says; `treatments` is never empty.

    Attributes:
        market: `preset`, and config keys that differ from it.
        model: who sits where `seats` say {model}; `--model` puts another one there.
        traders: None where counts in `seats` tell.
        timeout_minutes: longest time of one cell.
        hypotheses, outcomes, rules: what is registered before; they decide nothing in the markets themselves.
        outcomes: measures that treatments are compared in, the primary one first.
        outcome_market: which of several markets in a row they are of: all, by their mean, or one of them.
    """

    name: str
    notes: Annotated[str, Field(max_length=20_000)] = ""
    hypotheses: Annotated[str, Field(max_length=20_000)] = ""
    outcomes: Annotated[tuple[str, ...], Field(min_length=1)] = ("rad", "rd", "amplitude", "turnover")
    outcome_market: Literal["all", "first", "last"] = "all"
    repetitions: Annotated[int, Field(ge=1, le=MOST_REPETITIONS, strict=True)]
    model: Text = "zero-intelligence"
    traders: Traders | None = None
    seats: Text | None = None
    shuffle: Flag = True
    fallback: Text = "hold"
    memory_window: Window = 5
    prompt: Text | None = None
    reasoning_text: Flag | None = None
    reflection: Flag | None = None
    parameters: ModelParameters = ModelParameters()
    persona: Persona | None = None
    timed: Flag = False
    place: Place = "in-process"
    timeout_minutes: Annotated[float, Field(gt=0, lt=60 * 24 * 30)] = 105.0
    seeds: Seeds = Seeds()
    limits: Limits = Limits()
    rules: Rules = Rules()
    market: Mapping[str, Any] = Field(default_factory=dict)
    treatments: Mapping[str, Treatment] = Field(default_factory=lambda: {"baseline": Treatment()})

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not _NAME.match(name):
            raise ValueError("must be 1 to 48 letters, digits, '-', '_' or '.', the first a letter or digit")
        return name

    @field_validator("treatments")
    @classmethod
    def _named_treatments(cls, treatments: Mapping[str, Treatment]) -> Mapping[str, Treatment]:
        if not treatments:
            raise ValueError("must hold at least one treatment, or be left out")
        for name in treatments:
            if not _NAME.match(name):
                raise ValueError(f"{name!r} is no name of a treatment: use letters, digits, '-', '_', '.'")
        return treatments

    @model_validator(mode="after")
    def _can_be_counted(self) -> Self:
        if self.repetitions * len(self.treatments) > MOST_CELLS:
            raise ValueError(f"repetitions: a study has at most {MOST_CELLS} cells")
        return self

    def settings(self, treatment: str) -> Settings:
        """Return what a treatment's markets are played with.

        Raises:
            PlanFault: a part of it cannot be used; names where it stands.
        """
        changed = self.treatments[treatment]
        own = f"treatments.{treatment}"
        seats, where = (changed.seats, own) if changed.seats is not None else (self.seats, "")
        if seats is None:
            raise PlanFault(own, "seats", "is missing, so nobody trades", 'Add seats = "fundamentalist".')
        seats = seats.replace(MODEL_HERE, self.model)
        timed = _first(changed.timed, self.timed)
        return Settings(
            config=self._config(treatment, timed),
            traders=self._traders(treatment, seats, where),
            seats=seats,
            shuffle=_first(changed.shuffle, self.shuffle),
            fallback=_first(changed.fallback, self.fallback),
            memory_window=_first(changed.memory_window, self.memory_window),
            wording=self._wording(changed),
            timed=timed,
            place=_first(changed.place, self.place),
        )

    def _wording(self, changed: Treatment) -> Mapping[str, Any]:
        """Return what differs from models.toml in how models are told."""
        persona = _first(changed.persona, self.persona)
        given = {
            "prompt": _first(changed.prompt, self.prompt),
            "reasoning_text": _first(changed.reasoning_text, self.reasoning_text),
            "reflection": _first(changed.reflection, self.reflection),
            **changed.parameters.over(self.parameters),
        }
        told = {key: value for key, value in given.items() if value is not None}
        return told if persona is None else {**told, "persona": persona or None}

    def _traders(self, treatment: str, seats: str, where: str) -> int:
        changed = self.treatments[treatment].traders
        given = _first(changed, self.traders)
        counted = counted_seats(seats, where)
        if counted is None and given is None:
            raise PlanFault(where, "traders", "is missing, and seats is no counts", "Add traders = 9.")
        if counted is not None and not 2 <= counted <= MOST_TRADERS:
            raise PlanFault(where, "seats", f"seats {counted}, a market has 2 to {MOST_TRADERS}", _COUNTS)
        if counted is not None and given is not None and counted != given:
            stands = f"treatments.{treatment}" if changed is not None else ""
            raise PlanFault(
                where,
                "seats",
                f"counts {counted} traders, where traders = {given}" + (f" in [{stands}]" if stands else ""),
                "Change one of them, or leave traders out.",
            )
        return counted or given or 0

    def _config(self, treatment: str, timed: bool) -> Config:
        """Return every config key: the preset's, changed by the plan, changed by the treatment.

        Traders are told the timers there are, so without timers the config has none.
        """
        table, changed = f"treatments.{treatment}.market", self.treatments[treatment].market
        where, given = (table, changed) if "preset" in changed else ("market", self.market)
        preset = given.get("preset", "reference")
        if not isinstance(preset, str) or preset not in _PRESETS:
            raise PlanFault(where, "preset", f"there is no preset {preset!r}", f"Use {', '.join(_PRESETS)}.")
        config: dict[str, Any] = {**_PRESETS[preset]}
        if not timed:
            config |= {key: 0 for key in config if key.endswith(_TIMER)}
        for where, keys in (("market", self.market), (table, changed)):
            config |= _checked({key: keys[key] for key in keys if key != "preset"}, where, config, timed)
        return _readable(config, {"market": self.market, table: changed})

    def cells(self) -> Sequence[Cell]:
        """Return the cells, repetition by repetition, so that a study cut short has all treatments alike.

        Raises:
            PlanFault: as `settings`.
        """
        settings = {name: self.settings(name) for name in self.treatments}
        return tuple(
            self._cell(name, repetition, settings[name])
            for repetition in range(1, self.repetitions + 1)
            for name in self.treatments
        )

    def _cell(self, treatment: str, repetition: int, settings: Settings) -> Cell:
        return Cell(
            treatment=treatment,
            repetition=repetition,
            settings=settings,
            dividend_seed=f"study {self.seeds.dividends}, repetition {repetition}",
            seating_seed=derived_seed("seating", self.seeds.seating, repetition),
            sampling_seed=derived_seed("sampling", self.seeds.sampling, treatment, repetition),
        )


_COUNTS = 'Write counts as "4 x gpt-4o, 4 x fundamentalist".'


class PlanFault(ValueError):
    """One thing in a plan that must be mended.

    Attributes:
        table: of the file, such as `treatments.memory.market`; empty for the part before the first table.
        key: in the table.
        what: what is wrong, as a clause without a full stop.
        mend: what to do about it.
    """

    def __init__(self, table: str, key: str, what: str, mend: str) -> None:
        super().__init__(f"[{table}] {key}: {what}. {mend}")
        self.table = table
        self.key = key
        self.what = what
        self.mend = mend


def counted_seats(seats: str, table: str = "") -> int | None:
    """Return how many seats counts such as `4 x gpt-4o, 2 x hold` fill; None where `seats` is one name.

    Args:
        table: of the plan, in which they stand.

    Raises:
        PlanFault: they are not one name, and no counts either.
    """
    if "," not in seats and " x " not in seats:
        return None
    parts = [_COUNT.match(part) for part in seats.split(",")]
    if any(part is None or part[1] == "0" for part in parts):
        raise PlanFault(table, "seats", f"{seats!r} are no counts", _COUNTS)
    return sum(int(part[1] or 1) for part in parts if part)


def derived_seed(*parts: str | int) -> int:
    """Return a seed of 63 bits that depends on `parts` alone; other parts give unrelated seeds."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def resolved_hash(resolved: Mapping[str, Any]) -> str:
    """Return the hash of JSON data, the same for the same content in any sequence of keys."""
    text = json.dumps(resolved, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]


def _forecasts_alone(config: Mapping[str, Any]) -> bool:
    return bool(config["institution"] == LEARNING_TO_FORECAST)


def _first(changed: _T | None, plan: _T) -> _T:
    """Return what a treatment says, or what the plan says where the treatment says nothing."""
    return plan if changed is None else changed


def _checked(keys: Mapping[str, Any], where: str, known: Mapping[str, Any], timed: bool) -> Mapping[str, Any]:
    for key in keys:
        if key in known and key.endswith(_TIMER) and not timed:
            raise PlanFault(
                where, key, "is a timer, and pages have none", "Set timed = true, or take it out."
            )
        if key == "traders_per_market":
            raise PlanFault(where, key, "is no key of a study", "Set traders instead: each cell is a market.")
        if key not in known:
            raise PlanFault(where, key, "is no key of a market", _nearest(key, known))
    return keys


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, n=2, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else f"Keys are {', '.join(known)}."


def _readable(config: dict[str, Any], given: Mapping[str, Mapping[str, Any]]) -> Config:
    """Return the config if a market can be made of it; a problem is told at the table that set its key."""
    try:
        (ForecastingParameters if _forecasts_alone(config) else MarketParameters).from_config(config)
    except ParameterError as error:
        problem = error.problems[0]
        key, _, what = problem.partition(" ")
        where = next((table for table, keys in reversed(tuple(given.items())) if key in keys), "market")
        more = len(error.problems) - 1
        rest = f" Then mend: {' '.join(error.problems[1:])}" if more else ""
        raise PlanFault(where, key, what.rstrip("."), "Write what is allowed." + rest) from None
    return config
