"""Names that users give → who sits at each seat: a strategy, or a model with its parameters."""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from bots.adapters.models.catalogue import Catalogue, ModelEntry, parse_counts
from bots.adapters.models.personas import PersonaEntry
from bots.agents.prompts import variants
from bots.agents.strategies import STRATEGIES
from bots.domain.errors import UserMustMend

_MODEL_OPTION = "MODEL_NAME"


@dataclass(frozen=True, slots=True)
class TraderSpec:
    """Who sits at a seat: a strategy, or a model with its parameters.

    Attributes:
        asked: the name the user gave.
        name: for records: the strategy's name, or `provider:model`.
        model: None for strategies.
        persona: whom the model is told to be; None for nobody.
    """

    asked: str
    name: str
    model: ModelEntry | None = None
    persona: PersonaEntry | None = None

    @property
    def is_person(self) -> bool:
        """Whether a person sits there, whom no bot takes the seat of."""
        return self == PERSON

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What is recorded of it beside its name."""
        return {} if self.model is None else self.model.parameters

    @property
    def persona_name(self) -> str:
        """The persona's name; empty for none."""
        return (self.model.persona or "") if self.model else ""

    def parameters_at(self, seed: int) -> Mapping[str, Any]:
        """Return what is recorded of it at the seat with this seed: with the persona's words as drawn."""
        if self.persona is None:
            return self.parameters
        return {**self.parameters, "about": self.persona.words(seed)}


PERSON: Final = TraderSpec("person", "person")
"""Somebody who comes to a seat of a study's market."""

PEOPLE: Final = ("person", "people")
"""Names of such seats."""


def resolve(name: str, catalogue: Catalogue) -> TraderSpec:
    """Return what a name stands for: a strategy, a name of models.toml, or `provider:model`.

    Raises:
        UserMustMend: nobody has this name; lists the nearest ones.
    """
    if name in STRATEGIES:
        return TraderSpec(name, name)
    if name in catalogue.models:
        entry = catalogue.models[name]
        return styled(TraderSpec(name, f"{entry.provider}:{entry.model}", entry), {}, catalogue)
    provider, colon, model = name.partition(":")
    if colon and model and provider in catalogue.providers:
        return TraderSpec(name, name, ModelEntry(provider=provider, model=model))
    raise _unknown(name, catalogue)


def styled(spec: TraderSpec, changes: Mapping[str, Any], catalogue: Catalogue) -> TraderSpec:
    """Return a trader told in another manner: settings of its entry changed.

    Raises:
        UserMustMend: there is no such variant of the prompts, or no such persona.
    """
    if spec.model is None:
        return spec
    entry = spec.model.model_copy(update=changes)
    for key, value, known in (
        ("prompt", entry.prompt, variants()),
        ("persona", entry.persona, {None, *catalogue.personas}),
    ):
        if value not in known:
            raise UserMustMend(
                f"{key}: there is none named {value!r}",
                where=f'{catalogue.where}, table [models."{spec.asked}"]',
                mend=f"Use one of {', '.join(sorted(one for one in known if one)) or 'none'}.",
            )
    persona = None if entry.persona is None else catalogue.personas[entry.persona]
    return replace(spec, model=entry, persona=persona)


def assign(
    name: str, seats: int, seed: int, catalogue: Catalogue, *, people: bool = False
) -> tuple[TraderSpec, ...]:
    """Return who sits at each of `seats`.

    `name` is anything `resolve` knows (everybody the same), a table of models.toml such as `mixed`, or counts
    such as `4 x gpt-4o, 4 x fundamentalist`. A mixed list shorter than the seats is repeated in turn;
    counts must add up. A mixed table with `shuffle` is seated by a draw with `seed`. With
    `people`, seats may be a person's.

    Raises:
        UserMustMend: an unknown name, or counts that do not add up to the seats.
    """
    mixed = catalogue.mixed.get(name)
    if mixed is not None:
        where = f"{catalogue.where}, table [{name}]"
        names = _in_turn(mixed.names, seats) if mixed.seats else _exactly(mixed.names, seats, where)
        if mixed.shuffle:
            random.Random(f"seating of {seed}").shuffle(names)
    elif "," in name or " x " in name:
        names = _exactly(_counted(name), seats, _MODEL_OPTION)
    else:
        names = [name] * seats
    known = {one: PERSON if people and one in PEOPLE else resolve(one, catalogue) for one in set(names)}
    return tuple(known[one] for one in names)


def _in_turn(names: tuple[str, ...], seats: int) -> list[str]:
    return [names[seat % len(names)] for seat in range(seats)]


def _counted(text: str) -> tuple[str, ...]:
    try:
        return parse_counts(text)
    except ValueError as error:
        raise UserMustMend(
            str(error), where=_MODEL_OPTION, mend='Write counts as "4 x gpt-4o, 4 x fundamentalist".'
        ) from None


def _exactly(names: tuple[str, ...], seats: int, where: str) -> list[str]:
    if len(names) != seats:
        raise UserMustMend(
            f"the counts add up to {len(names)} traders, the run has {seats} seats",
            where=where,
            mend="Change the counts, or --num-bots, so that they agree.",
        )
    return list(names)


def _unknown(name: str, catalogue: Catalogue) -> UserMustMend:
    known = [*catalogue.models, *catalogue.mixed, *STRATEGIES]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return UserMustMend(
        f"there is no trader named {name!r}",
        where=_MODEL_OPTION,
        mend=(f"Did you mean {' or '.join(near)}? " if near else "")
        + f"Names stand in {catalogue.where}; for a model that is not listed write provider:model.",
    )
