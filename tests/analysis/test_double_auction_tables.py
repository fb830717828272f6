"""What tables say of a double auction is what its pages told, to the share and to the trade."""

from __future__ import annotations

import io
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from selectolax.lexbor import LexborHTMLParser

import bots
from bots.analysis.comparison import comparison_page
from bots.analysis.period_fills import PeriodOrder, period_fills
from bots.analysis.report import run_page
from bots.analysis.runs import Run
from bots.analysis.surplus import period_gains
from bots.analysis.timeline import readings
from bots.analysis.undefined import NO_UNITS
from bots.domain.market import OwnTrade
from bots.services.study_report import read_market
from bots.services.summary import print_market
from markets.accounts import Account
from markets.double_auction import DoubleAuction, DoubleAuctionRules
from markets.orders import OrderRules, Side
from markets.presets import PRESETS
from tests.analysis.played_runs import play_run

ASSET = {**PRESETS["auction-demo"], "paid_rounds": 2}
UNITS: dict[str, Any] = {**PRESETS["gode-sunder"], "paid_rounds": 2}
CASES = {
    "asset": (ASSET, ("zero-intelligence",) * 3 + ("market-maker", "fundamentalist", "momentum")),
    "units": (UNITS, ("zero-intelligence",) * 12),
}
OF_AN_ASSET = pytest.mark.parametrize("run", ["asset"], indirect=True)
OF_UNITS = pytest.mark.parametrize("run", ["units"], indirect=True)


@pytest.fixture(scope="module", params=CASES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config, traders = CASES[request.param]
    return bots.open_run(play_run(tmp_path_factory.mktemp("auction") / "run-1", traders, seed=2, **config))


def test_what_is_bought_is_sold_and_is_the_volume(run: Run) -> None:
    assert run.prices["volume"].sum() > 0
    for row in run.prices.to_dicts():
        here = pl.col("overall") == row["overall"]
        own, trades, orders = (table.filter(here) for table in (run.trader_rounds, run.trades, run.orders))
        assert own["bought"].sum() == own["sold"].sum() == row["volume"]
        for side in ("buy", "sell"):
            assert trades.filter(side=side)["quantity"].sum() == row["volume"]
            assert orders.filter(side=side)["filled"].sum() == row["volume"]


def test_each_trade_has_two_sides_at_one_price(run: Run) -> None:
    sides = run.trades.group_by("overall", "trade").agg(
        pl.col("side").n_unique(), pl.col("price").n_unique(), pl.col("quantity").n_unique(), pl.len()
    )
    assert sides.drop("overall", "trade").unique().rows() == [(2, 1, 1, 2)]


def test_orders_of_a_trader_filled_what_it_traded_and_never_more_than_their_quantity(run: Run) -> None:
    who = ["seat", "overall", "side"]
    filled = run.orders.group_by(who).agg(pl.col("filled").sum()).filter(pl.col("filled") > 0)
    traded = run.trades.group_by(who).agg(pl.col("quantity").sum())
    assert filled.sort(who).rows() == traded.sort(who).rows()
    assert (run.orders["filled"] <= run.orders["quantity"]).all()
    assert run.orders.filter(pl.col("status").is_in(["placed", "cancelled"]))["order_id"].null_count() == 0


def test_the_book_that_a_period_closed_with_is_what_was_neither_traded_nor_taken_back(run: Run) -> None:
    """Played once more by the market's own rules, from orders and cancels in the sequence of the answers."""
    assert run.rules is not None
    rules = DoubleAuctionRules(
        OrderRules(Fraction(run.rules.tick), Fraction(run.rules.max_price), run.rules.max_quantity, 500),
        run.rules.must_improve,
        run.rules.clears_after_trade,
    )
    for row in run.prices.to_dicts():
        market = DoubleAuction({seat: Account(Fraction(10**6), 10**6) for seat in run.played.seats}, rules)
        numbers: dict[int, int] = {}
        for seat, message, answer in told_in(run, row["overall"]):
            if message["type"] == "place":
                event = market.place(seat, message["side"], message["quantity"], message["limit"])[0]
                numbers[answer["order_id"]] = event.order.order_id  # type: ignore[union-attr]
            else:
                market.cancel(seat, numbers[message["order_id"]])
        bids, offers = market.depth(Side.BUY), market.depth(Side.SELL)
        assert row["bids"] == sum(level.quantity for level in bids)
        assert row["offers"] == sum(level.quantity for level in offers)
        best = [
            float(levels[0].limit * Fraction(run.rules.tick)) if levels else None for levels in (bids, offers)
        ]
        assert [row["best_bid"], row["best_offer"]] == best
        placed = run.orders.filter(pl.col("overall") == row["overall"], pl.col("order_id").is_not_null())
        assert row["bids_submitted"] + row["offers_submitted"] == placed.height
        assert row["bids_submitted"] > row["bid_orders"]


def told_in(run: Run, overall: int) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Orders and cancels that were accepted, in the sequence of the period's steps."""
    told = [
        (number, dict(sent.act.content), dict(sent.answer.content or {}))
        for number, seat in run.played.seats.items()
        for sent in seat.sent
        if sent.act.round == overall
        and sent.answer is not None
        and sent.answer.accepted
        and sent.act.content.get("type") in ("place", "cancel")
    ]
    return sorted(told, key=lambda one: one[2]["seq"])


def test_each_decision_is_read_with_what_it_sent_and_nothing_else(run: Run) -> None:
    for reading in readings(run.played):
        made = {one.name: one.made for one in run.played.seats[reading.seat].decisions if one.made}
        for moment in reading.moments:
            content = made[moment.name].content
            wanted = [f"take back order {number}" for number in content.cancel]
            wanted += [f"{one.side.value} {one.quantity} at {one.limit}" for one in content.orders]
            told = [act.what for act in moment.acts]
            assert told == wanted[: len(told)]  # what came too late was not sent
    told = [act.what for one in readings(run.played) for moment in one.moments for act in moment.acts]
    assert len([what for what in told if " at " in what]) == run.orders.height


def test_a_period_of_many_decisions_is_one_click_that_leads_to_all_of_them(run: Run) -> None:
    page = LexborHTMLParser(run_page(run)[0])
    numbers = [link for link in page.css(".grid a") if link.text().isdigit()]
    assert numbers
    for link in numbers:
        chapter = page.css_first(link.attributes["href"] or "")
        assert chapter is not None
        assert len(chapter.css("details.moment > .inside")) == int(link.text())
    anchors = {one.attributes["id"] for one in page.css("details.moment > .inside[id]")}
    assert anchors == {f"d-{name}" for name in run.decisions["decision"]}


def test_a_report_names_the_rules_of_its_institution_alone(run: Run) -> None:
    page, _ = run_page(run)
    assert "at the limit of the order that waited" in page
    assert "rationing by" not in page
    assert "at clearing" not in page


def test_a_report_speaks_of_units_and_their_equilibrium_or_of_shares_and_their_value(run: Run) -> None:
    page, charts = run_page(run)
    units = run.rules is not None and run.rules.induced
    told = {words: words in page for words in ("Equilibrium price", "Cash per unit", "Gains from trade")}
    assert told == dict.fromkeys(told, units)
    of_an_asset = ("Fundamental value", "Cash per share", "Haessel", "Disposition")
    told = {words: words in page for words in of_an_asset}
    assert told == dict.fromkeys(told, not units)
    assert ({"units-and-trades", "efficiency"} <= {chart.name for chart in charts}) == units


@OF_UNITS
def test_a_comparison_of_units_tests_efficiency_and_no_deviation_from_a_value(
    run: Run, tmp_path: Path
) -> None:
    other = ("zero-intelligence-unconstrained",) * 12
    page, _ = comparison_page([run, bots.open_run(play_run(tmp_path / "run-2", other, seed=2, **UNITS))])
    cells = [
        row.css("td")[0].text() for row in LexborHTMLParser(page).css("#tests ~ .scroll tr") if row.css("td")
    ]
    assert cells[:2] == ["Allocative efficiency", "Smith's α of trades (P* = equilibrium)"]
    assert "RAD" not in page
    assert "Equilibrium price" in page


def _bid(ref: str, step: int, limit: str = "10", **more: object) -> PeriodOrder:
    return PeriodOrder(ref, Side.BUY, 2, Decimal(limit), step, **more)  # type: ignore[arg-type]


def _bought(number: int, price: str, quantity: int = 1) -> OwnTrade:
    return OwnTrade(number=number, price=Decimal(price), quantity=quantity, second=0, side=Side.BUY)


def test_a_trade_fills_the_earlier_order_at_its_price_unless_that_was_taken_back_before() -> None:
    orders = [_bid("first", 1, cancelled=5), _bid("second", 2)]
    trades = [_bought(1, "10"), _bought(2, "10")]
    assert period_fills(orders, trades, {1: 4, 2: 6}) == {"first": 1, "second": 1}
    assert period_fills(orders, trades, {}) == {"first": 0, "second": 2}


def test_a_trade_at_an_orders_coming_fills_it_below_its_limit() -> None:
    orders = [_bid("waits", 1, "9"), _bid("meets", 2, "10", met=(1,))]
    assert period_fills(orders, [_bought(1, "9", 2)], {1: 2}) == {"waits": 0, "meets": 2}


@OF_AN_ASSET
def test_periods_of_an_asset_have_no_gains_to_measure(run: Run) -> None:
    measured = {row["measure"]: row for row in run.measures.to_dicts()}
    assert period_gains(run.played, 1) == ()
    assert measured["efficiency"]["reason"] == measured["smith_alpha_trades"]["reason"] == NO_UNITS


@OF_UNITS
def test_what_periods_earned_is_the_traders_earnings_as_the_pages_told(run: Run) -> None:
    gains = period_gains(run.played, 1)
    measured = {row["measure"]: row for row in run.measures.to_dicts()}
    for one in gains:
        told = [seat.own[one.key].earnings for seat in run.played.seats.values()]
        assert one.realised == sum(map(Fraction, filter(None, told)))
    assert run.traders["expected_wealth"].null_count() == run.traders.height  # no trade, no earnings
    assert [one.key for one in gains] == [("paid", 1), ("paid", 2)]
    assert measured["efficiency"]["value"] == pytest.approx(sum(one.efficiency for one in gains) / 2)
    trades = run.trades.filter(side="buy")
    spread = float((trades["quantity"] * (trades["price"] - float(gains[0].price)) ** 2).sum())
    alpha = 100 * (spread / float(trades["quantity"].sum())) ** 0.5 / float(gains[0].price)
    assert measured["smith_alpha_trades"]["value"] == pytest.approx(alpha)


def test_the_end_of_a_run_tells_what_was_earned_and_of_units_no_fundamental_value(run: Run) -> None:
    out = io.StringIO()
    print_market(Console(file=out, width=100), run.played)
    gains, text = period_gains(run.played, 1), out.getvalue()
    assert all(f"{one.efficiency:.1%}" in text for one in gains)
    assert all(f"{float(one.price):.2f}" in text for one in gains)
    asset = not gains
    assert ("Efficiency" in text, "Fundamental value" in text, "Dividend" in text) == (
        not asset,
        asset,
        asset,
    )


def test_the_pages_that_a_study_reads_tell_what_was_earned(run: Run) -> None:
    assert period_gains(read_market(run.folder, run.manifest), 1) == period_gains(run.played, 1)
