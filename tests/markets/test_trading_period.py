"""A period of a double auction, message by message: who is told what, and when it is over."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bots.domain.market import MarketView
from bots.domain.period import follow
from markets.trading_period import TradingPeriod
from markets.view import PageState, market_view
from tests.markets.books import json_values
from tests.markets.periods import cancel, codes, parameters, period, place, ready
from tests.markets.slow_double_auction import snapshot_of

TRADERS = (1, 2, 3)


def view_of(market: TradingPeriod, trader: int) -> MarketView:
    """The trade page as the server would draw it now."""
    known = parameters()
    state = PageState("trade", known, 3, ref=known.round_at(1))
    return MarketView.model_validate({**market_view(state), **market.state(trader)})


def test_a_refusal_is_told_to_the_sender_alone_and_changes_no_step() -> None:
    market = period()
    outcome = market.receive(1, place("sell", 9, "14"), 0)
    assert codes(outcome) == ["short_sale"]
    assert set(outcome.frames) == {1}
    assert outcome.keep
    assert market.seq == 0


def test_the_same_ref_gets_its_first_answer_and_nothing_is_done() -> None:
    market = period()
    message = place("buy", 1, "14")
    first = market.receive(1, message, 0)
    again = market.receive(1, {**message, "side": "sell", "limit": "99"}, 5)
    assert again.answer == first.answer
    assert set(again.frames) == {1}
    assert not again.keep
    assert market.seq == 1


def test_the_period_closes_once_all_have_left_or_are_ready() -> None:
    market = period()
    market.receive(1, place("buy", 1, "14"), 0)
    assert market.receive(1, ready(1), 0).answer["counts"]
    assert market.receive(2, ready(1), 0).answer["counts"]
    assert not market.closed
    frames = market.leave(3)
    assert market.closed
    assert set(frames) == {1, 2}
    assert {frame["type"] for frame in frames.values()} == {"closed"}
    assert frames[1]["open_orders"] == []
    assert frames[1]["holdings"]["cash_available"] == "100.00"
    assert frames[2]["book"] == [{"side": "buy", "limit": "14.00", "quantity": 0}]
    assert codes(market.receive(1, place("buy", 1, "14"), 0)) == ["closed"]
    assert market.quotes == (1400, None)


def test_the_one_whose_being_ready_closes_the_period_gets_one_frame_that_says_both() -> None:
    market = period(2)
    market.receive(1, ready(0), 0)
    outcome = market.receive(2, ready(0), 0)
    assert (outcome.answer["type"], outcome.answer["counts"]) == ("closed", True)
    assert outcome.frames[1]["type"] == "closed"
    assert "ref" not in outcome.frames[1]


def test_a_step_makes_everybody_unready_and_who_has_not_seen_it_cannot_be_ready() -> None:
    market = period(2)
    market.receive(1, ready(0), 0)
    market.receive(2, place("buy", 1, "14"), 0)
    assert not market.receive(2, ready(0), 0).answer["counts"]
    assert market.receive(2, ready(1), 0).answer["counts"]
    assert not market.closed, "the first trader has not answered the order yet"
    market.receive(1, ready(1), 0)
    assert market.closed


def test_orders_of_those_who_left_stay_and_they_are_told_nothing_more() -> None:
    market = period()
    market.receive(1, place("sell", 1, "14"), 0)
    market.leave(1)
    outcome = market.receive(2, place("buy", 1, "15"), 1)
    assert outcome.answer["own_trades"][0]["price"] == "14.00"
    assert set(outcome.frames) == {2, 3}


def test_a_missed_step_is_noticed_and_the_whole_state_mends_it() -> None:
    market = period()
    view = view_of(market, 3)
    market.receive(1, place("buy", 1, "14"), 0)
    second = market.receive(1, place("buy", 1, "13"), 0).frames[3]
    gap = follow(view, second)
    assert gap.period is not None
    assert not gap.period.complete
    state = market.receive(3, {"type": "sync", "ref": "all"}, 0)
    assert not state.keep
    assert follow(gap, state.answer) == view_of(market, 3)


sides, limits = st.sampled_from(["buy", "sell"]), st.sampled_from(["13", "13.50", "14", "14.50"])
orders = st.builds(place, sides, st.sampled_from([1, 1, 2, 9]), limits)
messages = orders | st.builds(cancel, st.integers(1, 12)) | st.builds(ready, st.integers(0, 5))
flows = st.lists(st.tuples(st.sampled_from(TRADERS), messages), max_size=25)
modes = st.fixed_dictionaries(
    {}, optional={"must_improve": st.just(True), "clears_after_trade": st.just(True)}
)


@settings(max_examples=60)
@given(flows, modes)
def test_whoever_follows_the_frames_sees_what_a_fresh_page_shows(flow: Any, config: Any) -> None:
    market = period(**config)
    views = {trader: view_of(market, trader) for trader in TRADERS}
    for trader, message in flow:
        for told, frame in market.receive(trader, message, 0).frames.items():
            views[told] = follow(views[told], frame)
            assert follow(views[told], frame) == views[told], "a frame that is told twice changes nothing"
        assert views == {one: view_of(market, one) for one in TRADERS}


@settings(max_examples=40)
@given(flows, modes)
def test_a_period_is_the_same_once_its_kept_messages_are_played_again(flow: Any, config: Any) -> None:
    market, again = period(**config), period(**config)
    kept = [
        (trader, copy.deepcopy(message), second)
        for second, (trader, message) in enumerate(flow)
        if market.receive(trader, message, second).keep
    ]
    for trader, message, second in kept:
        again.receive(trader, message, second)
    assert snapshot_of(again.market) == snapshot_of(market.market)
    assert (again.seq, again.trades, again.closed) == (market.seq, market.trades, market.closed)
    assert [again.state(trader) for trader in TRADERS] == [market.state(trader) for trader in TRADERS]


@given(json_values)
def test_no_json_makes_a_period_raise(message: Any) -> None:
    market = period()
    assert market.receive(1, message, 0).answer["type"] in ("refused", "state")
    wrapped = {"type": "place", "side": message, "quantity": message, "limit": message, "ref": "x"}
    assert market.receive(1, wrapped, 0).answer["type"] == "refused"
    assert market.receive(1, {"type": "ready", "seq": message, "ref": "y"}, 0).answer["type"] in (
        "refused",
        "ready",
    )


def test_an_answer_that_is_recalled_is_given_again_and_one_to_nothing_is_not_kept() -> None:
    market, asked = period(), place("buy", 1, "14")
    told = {"type": "refused", "ref": asked["ref"], "reasons": []}
    market.recall(1, told)
    market.recall(2, {**told, "ref": ""})
    assert market.receive(1, asked, 0).answer == told
    assert market.state(1)["period"]["bids"] == []
    assert market.receive(2, place("buy", 1, "14"), 0).answer["type"] == "placed"


def test_a_period_that_is_closed_stays_so_and_tells_nobody_again() -> None:
    market = period()
    assert set(market.close()) == {1, 2, 3}
    assert market.close() == {}
