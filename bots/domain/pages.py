"""What a participant sees, what it can send, and which page may follow which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

from bots.domain.errors import UnexpectedPage
from bots.domain.market import MarketView
from markets.values import often_made
from markets.view import PageName


class FieldKind(StrEnum):
    """Widgets a browser can submit."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    CHOICE = "choice"  # radio or select: exactly one
    CHOICES = "choices"  # multi-select or several check boxes of one name
    CHECKBOX = "checkbox"
    LONG_TEXT = "long-text"
    RANGE = "range"
    HIDDEN = "hidden"
    FILE = "file"  # nobody here has one to give


@dataclass(frozen=True, slots=True)
class Choice:
    """One option: the `value` that is sent and the `label` that is read."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a form, with what the page says about it.

    Attributes:
        nth: which of several inputs of one name, from 1; 0 where it is the only one.
    """

    name: str
    kind: FieldKind
    label: str
    required: bool = False
    choices: tuple[Choice, ...] = ()
    minimum: str | None = None
    maximum: str | None = None
    step: str | None = None
    max_length: int | None = None
    value: str | None = None
    written_as: str = ""  # how a text has to be written, such as YYYY-MM-DD
    help_text: str = ""
    near: str = ""  # what stands around it and is neither its label nor its help
    errors: tuple[str, ...] = ()
    nth: int = 0

    @property
    def is_asked(self) -> bool:
        """Whether a participant answers it: hidden ones are the page's own, files nobody has."""
        return self.kind not in {FieldKind.HIDDEN, FieldKind.FILE}


@dataclass(frozen=True, slots=True)
class Button:
    """A way to submit the form; `name` and `value` are sent where the page gives them.

    Attributes:
        back: it leads to the page before, and what the form holds is not kept.
        place: among the form's buttons in the document's order, from 0; None where that is not known.
    """

    label: str
    name: str | None = None
    value: str | None = None
    back: bool = False
    place: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Form:
    """The page's form; posts to the page's own address. Its buttons that lead back are the last ones."""

    fields: tuple[Field, ...] = ()
    buttons: tuple[Button, ...] = ()

    @property
    def onward(self) -> tuple[Button, ...]:
        """The buttons that do not lead back; the first is the one that is pressed where nobody chooses."""
        return tuple([button for button in self.buttons if not button.back])


@dataclass(frozen=True, slots=True)
class Control:
    """Something on a page that works by the page's script; `place` finds it among all there are."""

    label: str
    place: int


@dataclass(frozen=True, slots=True)
class MessagePart:
    """One part of a live message: `value` where it is always the same, else what kind of value it takes."""

    name: str
    kind: Literal["fixed", "number", "any"] = "any"
    value: str | int | float | bool | None = None


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """A live message that the page's script plainly sends; `bare` where it is its one part, not an object."""

    parts: tuple[MessagePart, ...]
    bare: bool = False


@dataclass(frozen=True, slots=True)
class PageCall:
    """A function that the page itself defines, and its arguments as data; a reader names it, never a page."""

    function: str
    arguments: tuple[Any, ...] = ()


class Speaker(Protocol):
    """How acts are done on a page by the page's own functions."""

    def calls(self, act: Act) -> tuple[PageCall, ...]:
        """Return what does an act; nothing where it is done as on any page."""

    def submits(self) -> bool:
        """Tell whether the form is sent after the calls; False where they send it themselves."""

    def answer(self, frame: Mapping[str, Any]) -> Answer | None:
        """Return what a live frame says to the last act; None where it is about something else."""


@runtime_checkable
class Inquirer(Protocol):
    """A speaker on pages whose server tells on being asked what it holds of the participant."""

    def asks(self) -> tuple[PageCall, ...]:
        """Return what asks the server; nothing where the page needs no asking."""

    def is_answered(self, frames: Sequence[Mapping[str, Any]]) -> bool:
        """Tell whether frames hold the answer."""

    def judge(self, act: SendLive, frame: Mapping[str, Any], *, lost: bool) -> Answer | None:
        """Return what a frame says to an act.

        Args:
            lost: it had no answer of its own, and the server was asked since.
        """


class PageKind(StrEnum):
    """What can be done on a page."""

    FORM = "form"  # read, fill, submit
    MARKET = "market"  # a page of the shipped market: has a MarketView
    WAIT = "wait"  # others are waited for
    END = "end"  # the participant is through
    BROKEN = "broken"  # an error page of the server, or of the browser


class Trouble(StrEnum):
    """Why a page is broken."""

    AWAY = "away"  # no server answers, or what stands before it says that it is not there; it may come back
    GONE = "gone"  # the server does not know this participant or page (any more)
    FAILED = "failed"  # the server failed at this page


@often_made(frozen=True, slots=True)
class Page:
    """An immutable picture of the present page.

    Attributes:
        visit: names one loading of one document; a reload is a new visit.
        revision: counts live frames received on this visit, from 0.
        trouble: of broken pages.
        location: path of the address, `/p/CODE/APP/PAGE/INDEX` on oTree pages.
        expires_at: when the page's timer ends, monotonic seconds; None without a timer.
        seconds: how long the timer ran when the page was opened.
        errors: the server's words about a refused form.
        frames: live frames received on this visit, oldest first.
        controls: what can be pressed beside the form's buttons, where the page's scripts run.
        inputs: what those controls read and the form does not send.
        messages: what can be sent in place of such controls, where the page's scripts do not run.
        speaker: how things are done here by the page's own functions, where it offers them to bots.
    """

    visit: str
    kind: PageKind
    location: str
    title: str = ""
    text: str = ""
    form: Form | None = None
    market: MarketView | None = None
    live: bool = False
    expires_at: float | None = None
    seconds: float | None = None
    errors: tuple[str, ...] = ()
    frames: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    revision: int = 0
    trouble: Trouble | None = None
    controls: tuple[Control, ...] = ()
    inputs: tuple[Field, ...] = ()
    messages: tuple[LiveMessage, ...] = ()
    speaker: Speaker | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """What people call the page: the market page's name, else oTree's page class, else the path."""
        if self.market is not None:
            return self.market.page
        parts = self.location.strip("/").split("/")
        return parts[3] if len(parts) == 5 and parts[0] == "p" else self.location

    def shows_no_more_than(self, other: Page) -> bool:
        """Tell whether it is `other` or another loading of it, with nothing on it that was not there."""
        anew = replace(self, visit=other.visit, expires_at=other.expires_at, seconds=other.seconds)
        return anew == other


@often_made(frozen=True, slots=True)
class SubmitForm:
    """Send the page's form. `timed_out` marks a submission made because the page's time is over."""

    values: Mapping[str, str | tuple[str, ...]]
    button: Button | None = None
    timed_out: bool = False


@often_made(frozen=True, slots=True)
class SendLive:
    """Send one live message; the frame that carries the same `ref` is its answer.

    A message of another app has no `ref`: the next frame is its answer.
    """

    message: Any
    ref: str | None


@dataclass(frozen=True, slots=True)
class UseControl:
    """Enter texts into the page's inputs and press one of its controls; the next frame answers, if any."""

    control: Control
    values: Mapping[str, str | tuple[str, ...]]


Act = SubmitForm | SendLive | UseControl


@often_made(frozen=True, slots=True)
class Answer:
    """What the server said to an act.

    Attributes:
        accepted: False where the server refused.
        words: the server's own words, one sentence each.
        page: the page after a submitted form; None for live messages.
        frame: the live frame that answered; None for forms.
    """

    accepted: bool
    words: tuple[str, ...] = ()
    page: Page | None = None
    frame: Mapping[str, Any] | None = None


START = "start"

# Market page -> market pages that may be next. Forms of other apps and wait pages may stand anywhere between.
_PHASE: frozenset[PageName] = frozenset({"phase_start", "trade", "forecast", "results", "final"})
PAGE_FLOW: Mapping[str, frozenset[PageName]] = {
    "consent": _PHASE | frozenset[PageName]({"instructions", "payment"}),
    "instructions": _PHASE | frozenset[PageName]({"payment"}),
    "phase_start": frozenset({"trade", "forecast", "results", "final"}),
    "trade": frozenset({"forecast", "results", "trade", "final", "phase_start"}),
    "forecast": frozenset({"results", "trade", "final", "phase_start"}),
    "results": frozenset({"trade", "forecast", "results", "phase_start", "final", "payment"}),
    "final": frozenset({"phase_start", "trade", "payment"}),
    "payment": frozenset(),
}


def check_flow(before: MarketView | None, after: MarketView) -> None:
    """Let a market page follow another, or name what was expected.

    A bot may join at any page and may miss pages, so the flow goes forward in any stride: the same page again
    (a reload, a refused form) is always allowed, a later round always is, an earlier one never.

    Raises:
        UnexpectedPage: `after` cannot follow `before`.
    """
    if before is None or (before.page == after.page and before.round == after.round):
        return
    if after.market.stated_by == "readPage":  # its rounds are counted from what the participant has seen
        return
    was = before.round.overall if before.round else 0
    now = after.round.overall if after.round else 0
    if now > was > 0 or ((now == 0 or now >= was) and after.page in PAGE_FLOW[before.page]):
        return
    raise UnexpectedPage(
        was_on=f"{before.page} (round {was})",
        saw=f"{after.page} (round {now})",
        allowed=", ".join(sorted(PAGE_FLOW[before.page])) or "nothing",
        change="bots/domain/pages.py, PAGE_FLOW",
    )
