"""Reads pages whose own script says what is on them: apps that offer bots `readPage()` in JavaScript.

What such a page says is turned into the view of the shipped market, so that the same traders trade it. Rules
it does not state stay unstated (`MarketRules.stated_by`). How things are done there stands in `told_speaker`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bots.adapters.page_readers.document import Document
from bots.adapters.page_readers.told_speaker import Book, Told
from bots.domain.errors import UnexpectedPage
from bots.domain.market import (
    DividendOutcome,
    FinalResult,
    ForecastInput,
    Holdings,
    MarketRules,
    MarketView,
    OwnRound,
    PastRound,
    RoundRef,
)
from bots.domain.pages import Button, Form, Page, PageKind
from markets.orders import Side
from markets.rounds import Phase
from markets.view import PageName

_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_IN_BRACKETS: Final = re.compile(r"\((\d+)\)")
_FINALS: Final = frozenset({"practice_results", "final_results"})
_ROUNDS: Final[Mapping[str, PageName]] = {
    "market_choice_page": "trade",
    "forecast_page": "forecast",
    "round_results_page": "results",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _History(_Part):
    num_periods: int = Field(ge=1)
    labels: tuple[int, ...] = Field(min_length=1)
    prices: tuple[Decimal | None, ...] = ()
    volumes: tuple[int, ...] = ()


class _Personal(_Part):
    shares: str
    cash: str
    dividendEarned: str | None = None  # noqa: N815 - the contract's own names
    interestEarned: str | None = None  # noqa: N815


class _Market(_Part):
    marketPrice: str  # noqa: N815
    interestRate: str  # noqa: N815
    dividends: str
    buyBack: str  # noqa: N815


class _Stats(_Part):
    personalStats: _Personal  # noqa: N815
    marketStats: _Market  # noqa: N815


class _Input(_Part):
    field: str
    label: str
    min: str
    max: str


class _Inputs(_Part):
    inputs: tuple[_Input, ...]


class _Message(_Part):
    msg: str


class _Messages(_Part):
    messages: tuple[_Message, ...]


class _Round(_Part):
    """What a page within a round says of it."""

    market_history_data: _History
    stats_data: _Stats
    forecast_data: _Inputs | None = None
    round_results_data: _Messages | None = None


@dataclass(slots=True)
class Story:
    """What one participant has seen on such pages so far; they do not say it again.

    Attributes:
        phase: practice once a page has said so, paid once the practice was told to be over.
        earlier: rounds before the present phase.
        number: the present round of the phase; 0 before the first.
        at: index of the page in oTree's sequence on which that was seen.
        own: what happened to the participant in finished rounds of the phase.
        book: the orders that the server is known to hold or to have held.
        last: the latest results page.
    """

    phase: Phase | None = None
    earlier: int = 0
    number: int = 0
    at: int = -1
    ended: bool = False
    own: dict[int, OwnRound] = field(default_factory=dict)
    book: Book = field(default_factory=Book)
    last: MarketView | None = None

    def marker(self, source: str) -> None:
        """Take in a page between the phases."""
        if source == "begin_practice":
            self.phase = "practice"
        elif source == "end_practice":
            self.ended = self.number > 0 or self.ended
            self.phase = "paid" if not self.number else self.phase

    def round(self, number: int, at: int, *, page: PageName, practice: bool) -> None:
        """Take in a page of a round: the history starts anew where a phase does."""
        if self.phase is None:
            self.phase = "practice" if practice else "paid"
        later = at > self.at
        anew = self.ended or number < self.number or (number == self.number and page == "trade" and later)
        if later and anew and self.number and self.at >= 0:
            self.phase, self.ended = "paid", False
            self.earlier += self.number
            self.own = {}
        self.number, self.at = number, max(at, self.at)


def read_told_page(document: Document) -> Page | None:
    """Return a page that says itself what is on it; None where it does not.

    Raises:
        UnexpectedPage: its `readPage()` fails, or says what does not fit the contract.
    """
    told = document.snapshot.told
    if told is None:
        return None
    if not isinstance(told, Mapping) or not isinstance(told.get("source"), str):
        raise _unexpected(document, f"a readPage() that says {str(told)[:200]}")
    source = str(told["source"])
    story = document.story.setdefault("read_page", Story())
    common: dict[str, Any] = {
        "live": False,
        "controls": (),
        "inputs": (),
        "messages": (),
        "speaker": Told(source, story.book),
    }
    if source in _FINALS and story.last is not None:
        final = _final_view(told, story.last, story)
        return document.page(PageKind.MARKET, market=final, form=_form(document), text=_lines(told), **common)
    if source not in _ROUNDS:
        story.marker(source)
        kind = PageKind.END if source == "payment_page" else PageKind.FORM
        form = Form(buttons=document.form.onward[:1] if document.form else (Button("Continue"),))
        return document.page(kind, form=form, text=_lines(told) or document.text, **common)
    try:
        view = _view(_ROUNDS[source], _Round.model_validate(told), story, document)
    except (ValidationError, ValueError, ArithmeticError) as error:
        raise _unexpected(document, f"a readPage() that does not fit ({error})") from error
    return document.page(PageKind.MARKET, market=view, form=_form(document), text="", **common)


def _form(document: Document) -> Form:
    return Form(buttons=document.form.onward) if document.form else Form()


def _unexpected(document: Document, saw: str) -> UnexpectedPage:
    return UnexpectedPage(
        was_on="opening " + document.location,
        saw=saw,
        allowed="what the readPage() contract says",
        change="bots/adapters/page_readers/told_page.py",
    )


def _view(page: PageName, told: _Round, story: Story, document: Document) -> MarketView:
    history, personal = told.market_history_data, told.stats_data.personalStats
    number = max(1, history.labels[-1])
    practice = "practice" in f"{document.title} {document.text}".lower()
    story.round(number, _index(document.location), page=page, practice=practice)
    phase = story.phase or "paid"
    if page == "results":
        story.own[number] = _own_round(told, phase, number)
    cash, shares = _decimal(personal.cash), int(_decimal(personal.shares))
    orders = story.book.listed(document.snapshot.frames) if page == "trade" else ()
    bids = [one for one in orders or () if one.side is Side.BUY]
    view = MarketView(
        version=1,
        page=page,
        market=_rules(told, story),
        round=RoundRef(
            phase=phase,
            number=number,
            of=max(number, history.num_periods - story.earlier),
            overall=story.earlier + number,
        ),
        holdings=Holdings(
            cash=cash,
            shares=shares,
            cash_available=cash - sum(one.quantity * one.limit for one in bids),
            shares_available=shares - sum(one.quantity for one in orders or () if one not in bids),
        ),
        history=tuple(_past(history, phase, number, page)),
        own=tuple(one for at, one in sorted(story.own.items()) if at < number),
        open_orders=orders or (),
        orders_known=orders is not None,
        forecast_inputs=tuple(_forecasts(told.forecast_data, number)),
        forecasts=(),
        result=None,
        final=None,
    )
    story.last = view if page == "results" else story.last
    return view


def _final_view(told: Mapping[str, Any], last: MarketView, story: Story) -> MarketView:
    """Return the end of a phase: what its last round left, and the payment where the page tells one."""
    assert last.holdings is not None
    assert last.round is not None
    holdings, paid = last.holdings, _amount(told.get("total_payment"))
    back = holdings.shares * last.market.buy_back
    final = FinalResult(
        phase=last.round.phase,
        cash=holdings.cash,
        shares=holdings.shares,
        buy_back_income=back,
        final_wealth=holdings.cash + back,
        forecast_earnings=None,  # told as money, at a rate that is not told
        payoff=paid,
    )
    fee = _amount(told.get("participation_fee"))
    market = last.market if fee is None else last.market.model_copy(update={"participation_fee": fee})
    own = tuple(one for _, one in sorted(story.own.items()))
    return last.model_copy(update={"page": "final", "final": final, "market": market, "own": own})


def _amount(told: object) -> Decimal | None:
    try:
        return _decimal(str(told))
    except ValueError:
        return None


def _rules(told: _Round, story: Story) -> MarketRules:
    """Return the rules the page states; the others are the contract's limits, or as good as none."""
    stats, history = told.stats_data.marketStats, told.market_history_data
    practice = story.earlier if story.phase == "paid" else max(story.number, 1)
    price = history.prices[0] if history.labels[0] == 0 and history.prices else None
    return MarketRules(
        institution="call_market",
        stated_by="readPage",
        traders=1,
        computer_traders=False,
        tick=Decimal("0.01"),
        decimals=2,
        initial_price=price if price is not None else _decimal(stats.marketPrice),
        endowment_cash=_decimal(told.stats_data.personalStats.cash),
        endowment_shares=int(_decimal(told.stats_data.personalStats.shares)),
        dividends=tuple(
            DividendOutcome(amount=Decimal(one), weight=1) for one in _NUMBER.findall(stats.dividends)
        ),
        interest_rate=_decimal(stats.interestRate) / (100 if "%" in stats.interestRate else 1),
        buy_back=_decimal(stats.buyBack),
        fundamental_values=None,
        practice_rounds=practice,
        paid_rounds=max(1, history.num_periods - practice),
        max_price=Decimal("9999.99"),
        max_quantity=99,
        max_open_orders=1000,
        price_selection="",
        rationing="",
        price_without_trade="",
        forecast_horizons=(),
        forecast_tolerance=Decimal(0),
        forecast_reward=Decimal(0),
        forecast_max=Decimal(0),
        trade_seconds=None,
        forecast_seconds=None,
        results_seconds=None,
        cash_per_currency_unit=Decimal(1),
        currency="",
        participation_fee=Decimal(0),
    )


def _past(history: _History, phase: Phase, number: int, page: PageName) -> Iterator[PastRound]:
    volumes = dict(zip(history.labels, history.volumes, strict=False))
    for label, price in zip(history.labels, history.prices, strict=False):
        finished = label < number or (label == number and page == "results")
        if label > 0 and finished:
            volume = max(0, volumes.get(label, 0))
            yield PastRound(phase=phase, number=label, price=price, volume=volume, dividend=Decimal(0))


def _own_round(told: _Round, phase: Phase, number: int) -> OwnRound:
    personal = told.stats_data.personalStats
    messages = [one.msg for one in told.round_results_data.messages] if told.round_results_data else []
    return OwnRound(
        phase=phase,
        number=number,
        bought=_traded(messages, "You bought"),
        sold=_traded(messages, "You sold"),
        interest=_decimal(personal.interestEarned or "0"),
        dividends=_decimal(personal.dividendEarned or "0"),
        cash=_decimal(personal.cash),
        shares=int(_decimal(personal.shares)),
    )


def _traded(messages: list[str], begin: str) -> int:
    return sum(int(_decimal(one)) for one in messages if one.startswith(begin))


def _forecasts(data: _Inputs | None, number: int) -> Iterator[ForecastInput]:
    for one in data.inputs if data else ():
        named = _IN_BRACKETS.search(one.label)
        of = int(named[1]) if named else number
        least, most = _decimal(one.min), _decimal(one.max)
        yield ForecastInput(
            field=one.field, horizon=of - number, round=of, minimum=least, maximum=most, value=None
        )


def _lines(told: Mapping[str, Any]) -> str:
    """Return what a page between the rounds says, a line an entry."""
    parts = [
        f"{name.replace('_', ' ')}: {' '.join(map(str, one)) if isinstance(one, list) else one}"
        for name, one in told.items()
        if name != "source" and one not in (None, "")
    ]
    return "\n".join(" ".join(part.split()) for part in parts)


def _decimal(text: str) -> Decimal:
    """Return the number in a statistic such as `$12.85`, `5%` or `70.00  `.

    Raises:
        ValueError: there is none.
    """
    found = _NUMBER.search(text.replace(",", ""))
    if found is None:
        raise ValueError(f"{text[:40]!r} has no number")
    return Decimal(found[0])


def _index(location: str) -> int:
    last = location.rstrip("/").rpartition("/")[2]
    return int(last) if last.isdecimal() else 0
