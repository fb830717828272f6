"""`[personas.NAME]` of models.toml: a text about a trader whose traits are drawn from distributions."""

from __future__ import annotations

import random
from collections.abc import Mapping
from string import Template
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_LONGEST = 2000  # characters of a persona's text
_MOST_DRAWS = 1000  # of a normal trait, until one lies within its bounds


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Trait(_Entry):
    """One thing that differs between traders of one persona.

    Attributes:
        of: words to draw from, with `weights` (equal ones if left out).
        least, most: whole numbers to draw from, both ends included; `from` and `to` in the file.
        mean, sd: the whole numbers are drawn from a normal distribution, again until one lies within bounds.
    """

    of: tuple[str, ...] = ()
    weights: tuple[Annotated[int, Field(gt=0)], ...] = ()
    least: int | None = Field(default=None, alias="from")
    most: int | None = Field(default=None, alias="to")
    mean: float | None = None
    sd: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_distribution(self) -> Self:
        bounds = self.least is not None and self.most is not None
        if bool(self.of) == bounds:
            raise ValueError("needs either of = [...], or from and to")
        if self.weights and len(self.weights) != len(self.of):
            raise ValueError("weights needs one whole number above 0 for each of the words")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("from is above to")
        if (self.mean is None) != (self.sd is None) or (self.mean is not None and self.of):
            raise ValueError("mean and sd go together, with from and to")
        return self

    def draw(self, draws: random.Random) -> str:
        """Return one draw, as text."""
        if self.least is None or self.most is None:
            return draws.choices(self.of, self.weights or None)[0]
        if self.mean is None or self.sd is None:
            return str(draws.randint(self.least, self.most))
        for _ in range(_MOST_DRAWS):
            drawn = round(draws.gauss(self.mean, self.sd))
            if self.least <= drawn <= self.most:
                return str(drawn)
        return str(min(max(round(self.mean), self.least), self.most))


def _pairs(table: Any) -> Any:
    return tuple(table.items()) if isinstance(table, Mapping) else table


class PersonaEntry(_Entry):
    """Who a model is told to be, in the second person; `${trait}` in the text is drawn for each trader."""

    text: str = Field(min_length=1, max_length=_LONGEST)
    traits: Annotated[tuple[tuple[str, Trait], ...], BeforeValidator(_pairs)] = ()

    @model_validator(mode="after")
    def _names_its_traits(self) -> Self:
        template = Template(self.text)
        if not template.is_valid():
            raise ValueError("text: write ${trait} for a trait and $$ for a dollar sign")
        named, known = set(template.get_identifiers()), {name for name, _ in self.traits}
        if named != known:
            odd = ", ".join(sorted(named ^ known))
            raise ValueError(f"text and traits have to name the same traits; only one of them has {odd}")
        return self

    def words(self, seed: int) -> str:
        """Return the text about the trader with this seed: the same for the same seed."""
        draws = random.Random(f"persona of {seed}")
        return Template(self.text).substitute({name: trait.draw(draws) for name, trait in self.traits})
