"""What the user asked for, valid once built."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bots.adapters.browser_settings import BrowserOptions
from bots.agents.options import FormAnswers, Rhythm
from bots.domain.errors import UserMustMend

if TYPE_CHECKING:
    from bots.adapters.links import ParticipantLink

DEFAULT_TIMEOUT_MINUTES = 105.0
DEFAULT_WAIT_MINUTES = 30.0


class Transport(StrEnum):
    """How a participant reaches its pages."""

    BROWSER = "browser"  # in Chromium, driven by Selenium and WebDriver BiDi
    HTTP = "http"  # without a browser; pages that only their own script can use are not played
    AUTO = "auto"  # without a browser until a page needs one


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run of the documented command.

    Attributes:
        url: a SessionStartLinks page, a room, a link for many, or the path of a links file.
        model: a name of models.toml, `provider:model`, a strategy, or `mixed`.
        production: keep the run under production-runs; requires notes.
        notes: free text about the run.
        timeout_minutes: the run ends then, saved and marked as timed out.
        num_bots: only the last so many links become bots; None for all.
        wait_minutes: longest stay on one wait page, after which the seat fails; None: to the run's end.
        seats: numbers, spans and labels of the links that become bots, such as `2,4-6,A7`; in its place.
        data: folder of all runs.
        fallback: strategy that acts where a decision fails.
        form_fallback: how forms outside markets are answered where nobody decides or a decision fails.
        max_cost_usd: most the run's models may cost; None for no limit.
        max_tokens: most tokens, in and out, of the run's models; None for no limit.
        seed: of the traders' own draws; each seat has one derived from it.
        browser: which browser bots sit in, and how many share one.
        transport: how participants reach their pages.
        rhythm: how traders spend a period of a double auction.
    """

    url: str
    model: str
    production: bool = False
    notes: str = ""
    timeout_minutes: float = DEFAULT_TIMEOUT_MINUTES
    num_bots: int | None = None
    seats: str | None = None
    wait_minutes: float | None = DEFAULT_WAIT_MINUTES
    data: Path = Path("bot-data")
    fallback: str = "hold"
    form_fallback: FormAnswers = FormAnswers.DEFAULT
    max_cost_usd: Decimal | None = None
    max_tokens: int | None = None
    seed: int = 1
    browser: BrowserOptions = field(default_factory=BrowserOptions)
    transport: Transport = Transport.BROWSER
    rhythm: Rhythm = field(default_factory=Rhythm)

    @property
    def wait_seconds(self) -> float | None:
        return None if self.wait_minutes is None else 60 * self.wait_minutes

    def __post_init__(self) -> None:
        if self.production and not self.notes.strip():
            raise UserMustMend(
                "a production run needs notes on what it is for",
                where="-p/--production",
                mend='Add -m "what this run is", or leave -p out for a debug run.',
            )
        if not 0 < self.timeout_minutes < 60 * 24 * 30:
            raise UserMustMend(
                f"{self.timeout_minutes:g} minutes is no time a run can take",
                where="--timeout-minutes",
                mend="Give minutes above 0, such as 105.",
            )
        if self.transport is Transport.HTTP and self.browser != BrowserOptions():
            raise UserMustMend(
                "without a browser there is none to show, choose or photograph",
                where="--transport http",
                mend="Leave the options of browsers out, or play with --transport browser or auto.",
            )
        if self.wait_minutes is not None and not 0 < self.wait_minutes < 60 * 24 * 30:
            raise UserMustMend(
                f"{self.wait_minutes:g} minutes is no time to wait",
                where="--wait-minutes",
                mend=f"Give minutes above 0, or leave it out for {DEFAULT_WAIT_MINUTES:g}.",
            )
        if self.num_bots is not None and self.seats is not None:
            raise UserMustMend(
                "seats are chosen twice", where="--seats, --num-bots", mend="Leave one of the two out."
            )
        if self.num_bots is not None and self.num_bots < 1:
            raise UserMustMend(
                f"a run needs at least one bot, {self.num_bots} was asked for",
                where="--num-bots",
                mend="Give a number from 1 to the session's participants, or leave it out for all.",
            )
        if self.rhythm.decisions < 1:
            raise UserMustMend(
                f"{self.rhythm.decisions} decisions a period let no trader act",
                where="--decisions",
                mend="Give a number above 0, such as 30.",
            )
        if not 0 <= self.rhythm.pause <= 3600:
            raise UserMustMend(
                f"{self.rhythm.pause:g} seconds are no pause between decisions",
                where="--pause",
                mend="Give seconds from 0 to 3600, such as 5.",
            )
        if self.max_tokens is not None and self.max_tokens < 1:
            raise UserMustMend(
                f"a limit of {self.max_tokens} tokens lets no model be asked",
                where="--max-tokens",
                mend="Give a number above 0, or leave it out.",
            )


@dataclass(frozen=True, slots=True)
class Again:
    """What is anew where a run is resumed.

    Attributes:
        timeout_minutes: time for what is left; None for as long as the run was given at first.
        wait_minutes: longest stay on one wait page; None for as long as it was at first.
        headed: the browser is shown.
    """

    timeout_minutes: float | None = None
    wait_minutes: float | None = None
    headed: bool = False


def usd(text: str, where: str) -> Decimal:
    """Read an amount of money, exactly.

    Raises:
        UserMustMend: it is none, or not above 0.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise UserMustMend(f"{text!r} is no amount above 0", where=where, mend="Give USD, such as 2.50.")
    return amount


def links_for_bots(links: tuple[ParticipantLink, ...], num_bots: int | None) -> tuple[ParticipantLink, ...]:
    """Return the last `num_bots` links, all where it is None; the others stay free for people.

    Raises:
        UserMustMend: more bots than links.
    """
    if num_bots is None:
        return links
    if num_bots > len(links):
        raise UserMustMend(
            f"{num_bots} bots were asked for, the session has {len(links)} participants",
            where="--num-bots",
            mend=f"Give a number from 1 to {len(links)}, or create a larger session.",
        )
    return links[-num_bots:]
