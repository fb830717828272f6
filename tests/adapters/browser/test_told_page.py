"""What is made of pages whose own `readPage()` says what is on them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from bots.adapters.page_readers import Snapshot, read_page
from bots.adapters.page_readers.told_speaker import Book, Told
from bots.agents.prompts import page_prompt, system_prompt
from bots.domain.errors import UnexpectedPage
from bots.domain.pages import Page, PageCall, PageKind, SendLive, SubmitForm
from bots.domain.ports import Situation

ROUND: dict[str, Any] = {
    "source": "market_choice_page",
    "market_history_data": {
        "source": "market_history", "num_periods": 3, "labels": [0, 1], "prices": [14], "volumes": [0],
    },
    "stats_data": {
        "subsource": "stats_dashboard_pre_round",
        "personalStats": {
            "shares": "4", "cash": "100.00", "stockValue": "56.00",
            "dividendEarned": None, "interestEarned": None,
        },
        "marketStats": {
            "marketPrice": "14.0", "interestRate": "5%", "dividends": "0.4 or 1.0", "buyBack": "14.00",
        },
    },
}  # fmt: skip
INPUTS = [
    {"field": "f0", "label": "This period (1)", "min": "0", "max": "30"},
    {"field": "f1", "label": "In 2 periods (3)", "min": "0", "max": "30"},
]
MESSAGES = [
    {"class_attr": "result-msg", "msg": "Market price this period: 15.00  "},
    {"class_attr": "result-msg", "msg": "You bought 1 share at 15.00  "},
]


def said(source: str, labels: int = 1, **more: Any) -> dict[str, Any]:
    told = copy.deepcopy(ROUND) | {"source": source} | more
    history = told["market_history_data"]
    closed = source == "round_results_page"
    history["labels"] = list(range(labels + 1))
    history["prices"] = [14, 15, 16, 17][: labels + closed]
    history["volumes"] = [0, 1, 2, 3][: labels + closed]
    return told


def read(
    told: object, index: int = 5, story: dict[str, Any] | None = None, frames: tuple[dict[str, Any], ...] = ()
) -> Page:
    html = "<form id='form'><div class='otree-content'>Market</div></form>"
    address = f"http://lab/p/abc/calls/Page/{index}"
    shot = Snapshot("v", address, html, 0.0, scripted=True, told=told, frames=frames)
    return read_page(shot, story=story)


def test_a_round_is_read_as_a_view_of_the_market() -> None:
    page = read(said("forecast_page", 2, forecast_data={"subsource": "forecast_form", "inputs": INPUTS}))
    view = page.market
    assert (page.kind, page.name) == (PageKind.MARKET, "forecast")
    assert view is not None
    assert view.holdings is not None
    assert (view.holdings.cash, view.holdings.shares) == (Decimal("100.00"), 4)
    assert [(past.number, past.price, past.volume) for past in view.history] == [(1, Decimal(15), 1)]
    assert view.market.interest_rate == Decimal("0.05")
    assert [one.amount for one in view.market.dividends] == [Decimal("0.4"), Decimal("1.0")]
    assert [(one.field, one.round, one.maximum) for one in view.forecast_inputs] == [
        ("f0", 1, Decimal(30)),
        ("f1", 3, Decimal(30)),
    ]


def test_only_what_the_page_states_stands_in_the_prompt() -> None:
    view = read(said("market_choice_page", 2)).market
    assert view is not None
    prompt = system_prompt(view.market) + page_prompt(Situation(1, "s1-r2-trade-1", view))
    assert "Dividend of a share in a round: 0.4 or 1." in prompt
    assert "Rounds: 3 in all" in prompt
    for unstated in ("odds", "9999", "tick", "midpoint", "paid out"):
        assert unstated not in prompt


def test_practice_and_paid_rounds_are_told_apart_by_what_the_pages_say() -> None:
    story: dict[str, Any] = {}
    rounds = []
    pages = [
        {"source": "begin_practice", "instructions": "Practise."},
        said("market_choice_page", 1),
        said("round_results_page", 1, round_results_data={"messages": MESSAGES}),
        said("market_choice_page", 2),
        {"source": "end_practice", "instructions": "Now it counts.", "key_points": ["a", "b"]},
        said("market_choice_page", 1),
        said("forecast_page", 1, forecast_data={"inputs": INPUTS}),
        said("market_choice_page", 2),
    ]
    for index, told in enumerate(pages):
        page = read(told, index, story)
        read(told, index, story)  # a page that is read twice is the same page
        if page.market and page.market.round:
            rounds.append((page.market.round.phase, page.market.round.number, page.market.round.overall))
    assert rounds == [
        ("practice", 1, 1), ("practice", 1, 1), ("practice", 2, 2),
        ("paid", 1, 3), ("paid", 1, 3), ("paid", 2, 4),
    ]  # fmt: skip


def test_own_trades_are_remembered_from_the_results_page() -> None:
    story: dict[str, Any] = {}
    read(said("market_choice_page", 1), 1, story)
    read(said("round_results_page", 1, round_results_data={"messages": MESSAGES}), 2, story)
    view = read(said("market_choice_page", 2), 3, story).market
    assert view is not None
    assert [(own.number, own.bought, own.sold) for own in view.own] == [(1, 1, 0)]


def test_the_payment_page_is_the_end_and_pages_between_keep_their_words() -> None:
    assert read({"source": "payment_page"}).kind is PageKind.END
    page = read({"source": "end_practice", "instructions": "Now it counts.", "key_points": ["One", "Two"]})
    assert page.text == "instructions: Now it counts.\nkey points: One Two"
    assert read({"source": "consent_page"}).kind is PageKind.FORM


def test_a_read_page_that_fails_is_never_taken_for_an_empty_form() -> None:
    for told in ({"failed": "TypeError: x is undefined"}, said("market_choice_page") | {"stats_data": None}):
        with pytest.raises(UnexpectedPage, match="readPage"):
            read(told)


def test_what_is_decided_goes_as_arguments_of_the_pages_own_functions() -> None:
    place = {"type": "place", "side": "buy", "quantity": 2, "limit": "13.50", "round": 1, "ref": "r"}
    order = {"type": "BUY", "quantity": 2, "price": 13.5}
    assert Told("market_choice_page").calls(SendLive(place, "r")) == (
        PageCall("submitOrderFromConsole", (order,)),
    )
    given = [{"field": "f0", "value": 14.2}]
    assert Told("forecast_page").calls(SubmitForm({"f0": "14.2"})) == (
        PageCall("setForecastDataFromJSON", (given,)),
    )
    assert Told("consent_page").calls(SubmitForm({})) == (PageCall("giveConsent"),)
    assert not Told("consent_page").submits()


def test_error_bits_become_words() -> None:
    answer = Told("market_choice_page").answer({"func": "order_rejected", "error_code": 4096 | 1})
    assert answer is not None
    assert answer.words == (
        "The price must be above 0.",
        "You do not hold so many shares; short sales are not allowed.",
    )
    assert Told("market_choice_page").answer({"func": "order_list", "orders": []}) is None


ORDERS = [
    {"id": 3, "type": "BUY", "quantity": 2, "price": 13.5},
    {"id": 4, "type": "SELL", "quantity": 1, "price": 16},
]
LISTED = {"func": "order_list", "orders": ORDERS}


def test_orders_that_the_server_lists_are_open_and_reserve_what_they_may_cost() -> None:
    view = read(said("market_choice_page"), frames=({"func": "order_list", "orders": []}, LISTED)).market
    assert view is not None
    assert view.holdings is not None
    assert [(one.order_id, one.side.value, one.quantity, one.limit) for one in view.open_orders] == [
        (3, "buy", 2, Decimal("13.5")),
        (4, "sell", 1, Decimal(16)),
    ]
    assert (view.holdings.cash_available, view.holdings.shares_available) == (Decimal("73.00"), 3)
    assert view.orders_known


@pytest.mark.parametrize(
    "frames", [(), ({"func": "order_list", "orders": [{"id": 3}]},), ({"func": "news"},)]
)
def test_orders_are_not_known_where_the_server_has_not_told_them(frames: tuple[dict[str, Any], ...]) -> None:
    view = read(said("market_choice_page"), frames=frames).market
    assert view is not None
    assert (view.open_orders, view.orders_known) == ((), False)


def ended(source: str, index: int, story: dict[str, Any], **money: str) -> Page:
    """The pages of a phase of one round."""
    told = said("round_results_page", 1, round_results_data={"messages": MESSAGES})
    read(said("market_choice_page", 1), index, story)
    read(told, index + 1, story)
    return read({"source": source, **money}, index + 2, story)


def test_the_last_page_of_each_phase_is_its_result() -> None:
    story: dict[str, Any] = {}
    read({"source": "begin_practice", "instructions": "Practise."}, 1, story)
    practice = ended("practice_results", 2, story)
    paid = ended("final_results", 12, story, participation_fee="$12.00", total_payment="$12.85")
    for page, phase, payoff in ((practice, "practice", None), (paid, "paid", Decimal("12.85"))):
        view = page.market
        assert (page.kind, page.name) == (PageKind.MARKET, "final")
        assert view is not None
        assert view.final is not None
        assert (view.final.cash, view.final.shares, view.final.final_wealth) == (
            Decimal(100),
            4,
            Decimal(156),
        )
        assert (view.final.phase, view.final.payoff) == (phase, payoff)
        assert [own.bought for own in view.own] == [1]
    assert paid.market is not None
    assert paid.market.round is not None
    assert paid.market.market.participation_fee == 12
    assert (paid.market.round.number, paid.market.round.of, paid.market.round.overall) == (1, 2, 2)
    assert "total payment: $12.85" in paid.text


def test_a_final_page_without_a_round_before_it_keeps_its_words() -> None:
    page = read({"source": "final_results", "total_payment": "$12.85"})
    assert (page.kind, page.market, page.text) == (PageKind.FORM, None, "total payment: $12.85")


PLACE = {"type": "place", "side": "buy", "quantity": 2, "limit": "13.50", "round": 1, "ref": "r"}


def judged(book: Book, frame: Mapping[str, Any], *, lost: bool, message: Mapping[str, Any] = PLACE) -> Any:
    return Told("market_choice_page", book).judge(SendLive(message, "r"), frame, lost=lost)


def test_an_order_without_an_answer_is_what_the_server_lists_anew() -> None:
    assert judged(Book(), LISTED, lost=False) is None  # a list that nobody asked for answers no order
    assert judged(Book(), LISTED, lost=True).accepted
    known = judged(Book({3, 4}), LISTED, lost=True)
    assert (known.accepted, known.words) == (False, ("The server does not list the order.",))
    book = Book()
    assert judged(book, {"func": "order_confirmed", "order_id": 3, "warnings": []}, lost=True).accepted
    assert not judged(book, LISTED, lost=True).accepted


def test_an_order_is_cancelled_once_the_server_lists_it_no_more() -> None:
    cancel = {"type": "cancel", "order_id": 3, "round": 1, "ref": "r"}
    delete, ask = Told("market_choice_page").calls(SendLive(cancel, "r"))
    assert delete.arguments == ({"func": "delete_order", "oid": 3},)
    assert ask.arguments == ({"func": "get_orders_for_player"},)
    assert not judged(Book(), LISTED, lost=False, message=cancel).accepted
    assert judged(Book(), {**LISTED, "orders": ORDERS[1:]}, lost=False, message=cancel).accepted
