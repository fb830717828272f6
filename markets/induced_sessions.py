"""Session configs of markets with induced values and costs, and of a short double auction to try."""

from __future__ import annotations

from fractions import Fraction
from types import MappingProxyType

from markets.config import Config
from markets.money import exact_text


def _with_units(base: Config, values: str, costs: str) -> dict[str, str | int | bool]:
    """Return a config in which units with these values and costs are traded, and nothing else pays."""
    return {
        **base,
        "institution": "double_auction",
        "practice_rounds": 0,
        "endowment_shares": "0",
        "dividends": "0",
        "dividend_weights": "1",
        "interest_rate": "0",
        "buy_back": "0",
        "price_without_trade": "missing",
        "forecast_horizons": "",
        "induced_values": values,
        "induced_costs": costs,
    }


def auction_demo(reference: Config) -> Config:
    """The asset of the reference design in a double auction: 1 practice and 3 paid periods of a minute."""
    return MappingProxyType(
        {
            **reference,
            "institution": "double_auction",
            "practice_rounds": 1,
            "paid_rounds": 3,
            "forecast_horizons": "",
            "trade_seconds": 60,
        }
    )


_QUARTERS = tuple(exact_text(Fraction(quarters, 4)) for quarters in range(3, 14))


def smith1962(reference: Config) -> Config:
    """Test 1: eleven buyers and eleven sellers of one unit each, five periods.

    Values and costs both run from 0.75 to 3.25 by 0.25, so six units trade at 2.00 and earn 7.50 together.

    Source: Smith, "An Experimental Study of Competitive Market Behavior", Journal of Political Economy 70
    (1962), an oral double auction.

    Uncertain: values and costs, which are taken from later descriptions of the test; the number and length of
    periods, tick, highest price and the cash that buyers are lent; the original had no computer and no such
    limits.
    """
    return MappingProxyType(
        {
            **_with_units(reference, "; ".join(reversed(_QUARTERS)), "; ".join(_QUARTERS)),
            "paid_rounds": 5,
            "endowment_cash": "10",
            "initial_price": "1",
            "tick": "0.05",
            "max_price": "5",
            "max_quantity": 1,
            "max_open_orders": 1,
            "trade_seconds": 120,
        }
    )


_VALUES = (
    "190, 150, 110, 70; 180, 140, 100, 60; 170, 135, 95, 55; "
    "165, 130, 90, 50; 160, 125, 85, 45; 155, 120, 80, 40"
)
_COSTS = (
    "10, 50, 90, 130; 20, 60, 100, 140; 25, 65, 105, 145; "
    "30, 70, 110, 150; 35, 75, 115, 155; 40, 80, 120, 160"
)


def gode_sunder(reference: Config) -> Config:
    """Six buyers and six sellers of four units each, whole prices from 1 to 200, periods of 30 s.

    A bid must be above the best bid and an offer below the best offer, and each trade empties the book.

    Source: Gode, Sunder, "Allocative Efficiency of Markets with Zero-Intelligence Traders", Journal of
    Political Economy 101 (1993): traders, range of prices, improvement, emptied book, length of a period.

    Uncertain: the values and costs, which are chosen here; those of the five published markets are not
    reproduced. So are the number of units and of periods.
    """
    return MappingProxyType(
        {
            **_with_units(reference, _VALUES, _COSTS),
            "paid_rounds": 6,
            "endowment_cash": "800",
            "initial_price": "1",
            "tick": "1",
            "max_price": "200",
            "max_quantity": 1,
            "max_open_orders": 1,
            "must_improve": True,
            "clears_after_trade": True,
            "trade_seconds": 30,
        }
    )
