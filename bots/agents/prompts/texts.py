"""The prompts' texts as files beside this one, and how they are filled. Pure once they are read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template

STANDARD = "standard"
_NAMES = "names.toml"
_VARIANTS = "variants"  # folders of texts that take the place of those beside this file


@dataclass(frozen=True, slots=True)
class Wording:
    """How a model is told what is so: what treatments may change of prompts without changing a rule.

    Attributes:
        variant: whose texts and names of things are used; those it lacks are the standard ones.
        reasoning: it is asked for its reasons with each decision.
        persona: who it is told to be, in the second person; empty for nobody.
    """

    variant: str = STANDARD
    reasoning: bool = True
    persona: str = ""


@cache
def text(name: str, variant: str = STANDARD) -> str:
    """Return a text of this package, in a variant's words where it has its own, with its names of things."""
    return renamed(raw_text(name, variant) or raw_text(name), variant)


@cache
def raw_text(name: str, variant: str = STANDARD) -> str:
    """Return a file as it is; nothing where a variant has none of this name."""
    here = resources.files(__package__)
    found = here.joinpath(name) if variant == STANDARD else here.joinpath(_VARIANTS, variant, name)
    return found.read_text(encoding="utf-8").rstrip("\n") if found.is_file() else ""


@cache
def variants() -> Mapping[str, tuple[str, ...]]:
    """Return the names of all variants, each with the files of its own."""
    folders = resources.files(__package__).joinpath(_VARIANTS).iterdir()
    found = {folder.name: tuple(sorted(one.name for one in folder.iterdir())) for folder in folders}
    return {STANDARD: (), **dict(sorted(found.items()))}


@cache
def names(variant: str) -> Mapping[str, str]:
    """Return what a variant calls things by other names, in lower case: `share` → `permit`."""
    return dict(tomllib.loads(raw_text(_NAMES, variant)))


@cache
def _named_things(variant: str) -> re.Pattern[str]:
    longest_first = sorted(names(variant), key=len, reverse=True)
    return re.compile(rf"(?<![\w{{])(?:{'|'.join(map(re.escape, longest_first))})(?![\w}}])", re.IGNORECASE)


def renamed(told: str, variant: str) -> str:
    """Return a text with things by a variant's names; fields such as ${shares} stay as they are."""
    if not names(variant):
        return told

    def name(found: re.Match[str]) -> str:
        word = names(variant)[found[0].lower()]
        if found[0].isupper():
            return word.upper()
        return word[0].upper() + word[1:] if found[0][0].isupper() else word

    return _named_things(variant).sub(name, told)


@cache
def sentences(name: str, variant: str = STANDARD) -> Mapping[str, Mapping[str, str]]:
    """Return a file of sentences by table and key: those of a variant's own file, else the standard ones."""
    own, standard = tomllib.loads(raw_text(name, variant)), tomllib.loads(raw_text(name))
    return {
        table: {key: renamed(own.get(table, {}).get(key, told), variant) for key, told in known.items()}
        for table, known in standard.items()
    }


@dataclass(frozen=True, slots=True)
class Say:
    """Says the sentences of prompts in a variant's words."""

    variant: str = STANDARD

    def __call__(self, table: str, key: str, /, **fields: object) -> str:
        """Return a sentence, filled."""
        return fill(self._table(table)[key], **fields)

    def knows(self, table: str, key: str) -> bool:
        """Tell whether there is such a sentence."""
        return key in self._table(table)

    def renamed(self, told: Sequence[str]) -> list[str]:
        """Return texts with things by the variant's names."""
        return [renamed(one, self.variant) for one in told]

    def _table(self, table: str) -> Mapping[str, str]:
        return sentences("sentences.toml", self.variant)[table]


def fill(template: str, /, **fields: object) -> str:
    """Fill a template once: what is filled in is never read as a template itself."""
    return Template(template).substitute({key: str(value) for key, value in fields.items()})


def clipped(raw: str, most: int) -> str:
    """Return a text, cut to so many characters with a mark that says so."""
    return raw if len(raw) <= most else raw[:most] + " [cut]"


def as_block(data: str) -> str:
    """Return text between the marks that tell a model that it is data."""
    return f"<data>\n{data}\n</data>"


def as_data(raw: str) -> str:
    """Return text that cannot close the block it stands in."""
    return raw.replace("<", "&lt;")
