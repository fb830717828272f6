"""What users choose of how traders behave; reading a command line needs no more of this package."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FormAnswers(StrEnum):
    """How a form is answered without thought."""

    DEFAULT = "default"  # consent is given, the first choice taken, numbers are the smallest allowed
    RANDOM = "random"  # each answer is drawn from those that the page accepts


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How a trader spends a period.

    Attributes:
        decisions: most of one period; after the last the trader leaves, and its orders stay.
        pause: least seconds between two decisions; 0 answers news at once.
    """

    decisions: int = 30
    pause: float = 0.0
