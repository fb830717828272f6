"""What errors, pages, frames and journals say, apart from any participant."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from bots.domain.errors import (
    DecisionFailed,
    FailureKind,
    LedAway,
    NeedsBrowser,
    PageTooLong,
    RecordLost,
    UnexpectedPage,
)
from bots.domain.market import BookLevel, Decision, Forecast, Period
from bots.domain.pages import Button, Form, Page, PageKind, check_flow
from bots.domain.period import follow
from bots.domain.records import EVENTS, PageSeen, RunStarted, parse_journal
from bots.domain.study import Limits
from tests.market_pages import view

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_error_the_user_must_mend_travels_whole_between_processes() -> None:
    error = RecordLost("the disk is full", where="run-1", mend="Make room.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is RecordLost
    assert (again.what, again.where, again.mend) == ("the disk is full", "run-1", "Make room.")
    assert str(again) == str(error) == "run-1: the disk is full. Make room."


def test_a_value_of_valid_fields_is_the_one_that_was_looked_at_and_its_copies_change_no_other() -> None:
    value = Forecast.of_valid({"field": "f0", "value": Decimal("14.5")})
    assert value == Forecast(field="f0", value=Decimal("14.5"))
    assert value.model_fields_set == {"field", "value"}
    assert pickle.loads(pickle.dumps(value)) == value

    assert value.model_copy(update={"insight": "?"}).model_fields_set == {"field", "value", "insight"}
    again = Forecast.of_valid({"field": "f1", "value": Decimal(2)})
    assert again.model_fields_set == value.model_fields_set == {"field", "value"}


def test_errors_of_a_seat_name_the_page_and_what_to_do() -> None:
    assert str(PageTooLong("/p/a", 16_000_000)).startswith("/p/a has more than 16 MB")
    needs = NeedsBrowser("/p/a", "its form is checked by a script", left="/p/b")
    assert "--transport auto" in str(needs)
    assert (needs.where, needs.left) == ("/p/a", "/p/b")
    failed = DecisionFailed(FailureKind.REFUSAL, "I cannot.")
    assert (str(failed), failed.kind) == ("refusal: I cannot.", FailureKind.REFUSAL)


@pytest.mark.parametrize(
    ("host", "path", "completes"),
    [
        ("app.prolific.com", "/submissions/complete/", True),
        ("prolific.com", "/submissions/complete", True),
        ("notprolific.com", "/submissions/complete", False),
        ("prolific.com", "/elsewhere", False),
    ],
)
def test_only_the_page_at_which_a_service_pays_completes_a_session(
    host: str, path: str, completes: bool
) -> None:
    assert LedAway("/p/a", host, path).completes is completes


def test_a_form_goes_on_by_its_buttons_that_do_not_lead_back() -> None:
    on, back = Button("Next"), Button("Back", back=True)
    assert Form(buttons=(on, back)).onward == (on,)


@pytest.mark.parametrize(
    ("location", "name"), [("/p/abc/survey/Age/3", "Age"), ("/OutOfRange/abc", "/OutOfRange/abc")]
)
def test_a_page_outside_markets_is_called_by_its_class_or_its_path(location: str, name: str) -> None:
    assert Page("v", PageKind.FORM, location).name == name
    assert Page("v", PageKind.MARKET, location, market=view("forecast")).name == "forecast"


def test_pages_go_forward_in_any_stride_and_never_back() -> None:
    trade, later = view("trade", 2), view("trade", 3)
    check_flow(None, later)
    check_flow(trade, trade)
    check_flow(trade, later)
    check_flow(trade, view("results", 2))
    for before, after in ((later, trade), (trade, view("consent", None)), (later, view("results", 2))):
        with pytest.raises(UnexpectedPage, match=r"bots/domain/pages\.py, PAGE_FLOW"):
            check_flow(before, after)


def test_rounds_of_pages_that_are_read_by_readpage_may_be_counted_anew() -> None:
    before = view("results", 3)
    rules = before.market.model_copy(update={"stated_by": "readPage"})
    check_flow(before, view("trade", 2).model_copy(update={"market": rules}))


def test_a_frame_changes_nothing_on_a_page_without_a_period() -> None:
    seen = view("trade")
    assert follow(seen, {"type": "news", "seq": 1}) is seen


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "news"},
        {"type": "news", "seq": "soon", "book": [], "trades": []},
        {"type": "news", "seq": 3, "trades": []},
        {
            "type": "closed",
            "seq": 3,
            "book": [{"side": "neither", "limit": "1", "quantity": 1}],
            "trades": [],
        },
        {"type": "placed", "seq": 3, "book": [], "trades": [], "holdings": None, "open_orders": [{}]},
        {"type": "state"},
    ],
)
def test_a_frame_that_the_market_does_not_send_is_told_as_what_does_not_fit(frame: dict[str, object]) -> None:
    period = Period(seq=2, open=True, bids=(), offers=(), trades=(), own_trades=())
    seen = view("trade").model_copy(update={"period": period})
    with pytest.raises(ValidationError):
        follow(seen, frame)


def test_the_best_of_a_book_are_its_first_and_an_empty_side_has_none() -> None:
    bids = tuple(BookLevel(limit=Decimal(price), quantity=1) for price in (13, 12))
    period = Period(seq=2, open=True, bids=bids, offers=(), trades=(), own_trades=())

    assert period.best_bid == 13
    assert period.best_offer is None
    asked = period.model_copy(update={"offers": bids[::-1]})
    assert asked.best_offer == 12


def test_units_trade_in_sequence_and_without_any_there_are_none_left() -> None:
    assert view("trade").units_left == ()
    assert view("trade").last_price == view("trade").market.initial_price


def test_dividends_and_interest_of_a_round_are_the_rounds_own_where_it_has_any() -> None:
    same = view("trade").market
    assert same.dividends_in(2) == same.dividends
    assert same.interest_in(2) == same.interest_rate
    rates = (Decimal("0.1"), Decimal("0.2"))
    each = same.model_copy(update={"dividends_by_round": ((), same.dividends), "interest_by_round": rates})
    assert each.dividends_in(1) == ()
    assert each.interest_in(2) == Decimal("0.2")


def test_forecasts_alone_make_the_price_where_the_rules_tell_a_feedback() -> None:
    rules = view("trade").market

    assert not rules.forecasts_alone
    assert rules.model_copy(update={"forecast_feedback": "positive"}).forecasts_alone


def test_each_forecast_is_given_once() -> None:
    twice = (Forecast(field="f0", value=Decimal(1)),) * 2
    with pytest.raises(ValueError, match="may be answered once"):
        Decision(forecasts=twice)


def test_a_page_seen_again_is_news_only_where_it_is_a_markets() -> None:
    seen = PageSeen(at=NOW, seat=1, kind="market", location="/p/a", page="trade", again=True)
    assert seen.is_news
    assert not seen.model_copy(update={"again": False}).is_news
    assert not seen.model_copy(update={"kind": "form"}).is_news


def test_a_line_that_a_crash_cut_short_is_left_out_and_any_other_bad_line_is_named() -> None:
    line = EVENTS.dump_json(RunStarted(at=NOW, seats=2)).decode()
    assert parse_journal("").events == ()
    whole, torn = parse_journal(f"{line}\n{line}\n"), parse_journal(f"{line}\n{line[:-9]}")
    assert (len(whole.events), whole.torn) == (2, False)
    assert (len(torn.events), torn.torn) == (1, True)
    with pytest.raises(ValueError, match="journal line 1 is no event"):
        parse_journal(f"{line[:-9]}\n{line}\n")
    with pytest.raises(ValueError, match="journal line 2 is no event"):
        parse_journal(f"{line}\n{line[:-9]}\n")


def test_a_limit_of_money_is_never_read_from_a_float() -> None:
    assert Limits.model_validate({"max_cost_usd": "0.5"}).max_cost_usd == Decimal("0.5")
    with pytest.raises(ValueError, match="must be written in quotes"):
        Limits.model_validate({"max_cost_usd": 0.5})
