"""The prompts' texts as files beside this one, and how they are filled. Pure once they are read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Template


@cache
def text(name: str) -> str:
    """Return a text of this package."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").rstrip("\n")


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
