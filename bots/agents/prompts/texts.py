"""The prompts' texts as files beside this one, and how they are filled. Pure once they are read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template

STANDARD = "standard"
_VARIANTS = "variants"  # folders of texts that take the place of those beside this file


@dataclass(frozen=True, slots=True)
class Wording:
    """How a model is told what is so: what treatments may change of prompts without changing a rule.

    Attributes:
        variant: which texts are used; those a variant lacks are the standard ones.
        reasoning: it is asked for its reasons with each decision.
        persona: who it is told to be, in the second person; empty for nobody.
    """

    variant: str = STANDARD
    reasoning: bool = True
    persona: str = ""


@cache
def text(name: str, variant: str = STANDARD) -> str:
    """Return a text of this package, in a variant's words where it has its own."""
    here = resources.files(__package__)
    own = here.joinpath(_VARIANTS, variant, name)
    found = own if variant != STANDARD and own.is_file() else here.joinpath(name)
    return found.read_text(encoding="utf-8").rstrip("\n")


@cache
def variants() -> Mapping[str, tuple[str, ...]]:
    """Return the names of all variants, each with the texts of its own."""
    folders = resources.files(__package__).joinpath(_VARIANTS).iterdir()
    found = {folder.name: tuple(sorted(one.name for one in folder.iterdir())) for folder in folders}
    return {STANDARD: (), **dict(sorted(found.items()))}


@cache
def sentences(name: str) -> Mapping[str, Mapping[str, str]]:
    """Return a file of sentences, by table and key."""
    return tomllib.loads(text(name))


def fill(template: str, /, **fields: object) -> str:
    """Fill a template once: what is filled in is never read as a template itself."""
    return Template(template).substitute({key: str(value) for key, value in fields.items()})


def as_block(data: str) -> str:
    """Return text between the marks that tell a model that it is data."""
    return f"<data>\n{data}\n</data>"


def as_data(raw: str) -> str:
    """Return text that cannot close the block it stands in."""
    return raw.replace("<", "&lt;")
