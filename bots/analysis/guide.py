"""What a study with language models is asked to state, filled in from what runs kept of themselves.

Sources: GUIDE-LLM; llm-guidelines.org; reviews of arXiv:2502.15800.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bots.analysis.played import Call, PlayedRun, PlayedSeat
from bots.domain.market import MarketRules

State = Literal["stated", "partly", "to do", "not applicable"]
_OF_MODELS = ("Model and its dated identifier", "Access", "Generation parameters", "Prompts and personas")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to state: what the runs say about it, and whether that is enough."""

    asked: str
    state: State
    answer: str


_UNSEEN = "No page of the market was seen."


def checklist(runs: Sequence[PlayedRun]) -> tuple[Item, ...]:
    """Return the checklist for the runs together."""
    seats = [seat for run in runs for seat in run.seats.values()]
    calls = [call for seat in seats for own in seat.calls.values() for call in own]
    if calls:
        personas = sorted({seat.record.persona for seat in seats} - {""})
        models = [*_models(calls, personas), _tokens(calls)]
    else:
        silent = any(seat.kind == "model" for seat in seats)
        nobody = (
            "No request went to a model."
            if silent
            else "No language model took part: every bot is a strategy."
        )
        models = [Item(asked, "not applicable", nobody) for asked in (*_OF_MODELS, "Tokens and cost")]
    return (*models, *_design(runs), *_people(runs), *_records(runs, seats))


def _models(calls: Sequence[Call], personas: Sequence[str]) -> list[Item]:
    served = sorted({(call.asked.model, call.replied.served_model or "") for call in calls if call.replied})
    names = [f"{model}, served as {name or 'not told'}" for model, name in served]
    providers = ", ".join(sorted({model.partition(":")[0] for model, _ in served}))
    parameters = sorted({_parameters(call) for call in calls})
    prompts = len({call.asked.prompt_hash for call in calls})
    dated: State = "stated" if served and all(name for _, name in served) else "partly"
    answers: tuple[tuple[State, str], ...] = (
        (dated, "; ".join(names) or "No reply is recorded."),
        ("stated", f"Programming interface of {providers or 'the provider'}."),
        ("stated", "; ".join(parameters) or "No request is recorded."),
        ("stated", f"All {prompts} different prompts are kept whole. {_told_of(personas)}"),
    )
    return [Item(asked, state, told) for asked, (state, told) in zip(_OF_MODELS, answers, strict=True)]


def _told_of(personas: Sequence[str]) -> str:
    return (
        f"Personas: {', '.join(personas)}; their words stand in the prompts." if personas else "No personas."
    )


def _parameters(call: Call) -> str:
    given = ", ".join(f"{name}={value}" for name, value in call.asked.parameters.items())
    return given or "the provider's defaults"


def _tokens(calls: Sequence[Call]) -> Item:
    known = sum(bool(call.replied and call.replied.usage.input_tokens is not None) for call in calls)
    state: State = "stated" if known == len(calls) else "partly"
    return Item("Tokens and cost", state, f"{known} of {len(calls)} requests told their tokens.")


def _value_told(rules: Sequence[MarketRules]) -> Item:
    """Tell what traders are told of what is traded."""
    if not rules:
        return Item("Fundamental value", "not applicable", _UNSEEN)
    if rules and all(one.induced for one in rules):
        return Item("Values and costs", "stated", "Each trader is told those of its own units alone.")
    disclosed = frozenset(one.fundamental_values is not None for one in rules)
    words = {frozenset({True}): "Disclosed.", frozenset({False}): "Not disclosed."}
    return Item("Fundamental value", "stated", words.get(disclosed, "Differs between runs."))


def _design(runs: Sequence[PlayedRun]) -> list[Item]:
    markets = sum(len(run.markets) for run in runs)
    strategies = any(seat.kind == "strategy" for run in runs for seat in run.seats.values())
    rules = [run.rules for run in runs if run.rules]
    timers = sorted({"no timer" if one.trade_seconds is None else f"{one.trade_seconds} s" for one in rules})
    return [
        Item(
            "Repeated runs with distributions",
            "stated" if markets > 1 else "to do",
            f"{markets} market{'s' if markets != 1 else ''} here; the market is the unit of inference.",
        ),
        Item(
            "Baselines",
            "stated" if strategies else "to do",
            "Strategies of the literature traded."
            if strategies
            else "Play the same design with strategies, and with an open model.",
        ),
        _value_told(rules),
        Item(
            "Time limits",
            "stated" if timers else "not applicable",
            f"Trade page: {', '.join(timers)}; people and bots have the same pages." if timers else _UNSEEN,
        ),
    ]


def _people(runs: Sequence[PlayedRun]) -> list[Item]:
    told = [run.rules.computer_traders for run in runs if run.rules]
    honest: State = "not applicable" if not told else "stated" if all(told) else "to do"
    people = any(run.manifest.subjects > run.manifest.bots for run in runs)
    return [
        Item(
            "No deception",
            honest,
            f"Participants were {'' if all(told) else 'not '}told that computer traders may take part."
            if told
            else _UNSEEN,
        ),
        Item(
            "People",
            "stated" if people else "not applicable",
            "People traded beside the bots; of them only participant codes are kept."
            if people
            else "Bots sat in every seat.",
        ),
    ]


def _records(runs: Sequence[PlayedRun], seats: Sequence[PlayedSeat]) -> list[Item]:
    stood_in = sum(bool(one.made and one.made.fallback) for seat in seats for one in seat.decisions)
    names = ", ".join(sorted({run.manifest.fallback for run in runs}))
    seeds = ", ".join(sorted({str(run.manifest.seed) for run in runs}))
    repeat = "A seed does not make a model's replies repeat."
    logs = "The journal holds every page, prompt, reply, act and answer."
    return [
        Item(
            "Failures and what was done instead",
            "stated",
            f"{stood_in} decisions were made by the declared fallback ({names}).",
        ),
        Item("Seeds", "stated", f"Seed {seeds} of seats and draws; dividends have their own. {repeat}"),
        _code(runs),
        Item("Logs", "stated", logs),
    ]


def _code(runs: Sequence[PlayedRun]) -> Item:
    commits = sorted({str(run.manifest.git.get("commit") or "") for run in runs} - {""})
    if not commits:
        return Item("Code", "to do", "The code was not in a git repository.")
    dirty = any(run.manifest.git.get("dirty") for run in runs)
    changes = ", with uncommitted changes" if dirty else ""
    return Item("Code", "partly" if dirty else "stated", f"Commit {', '.join(commits)}{changes}.")
