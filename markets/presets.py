"""Session configs of published designs, as flat dictionaries of a session's config keys."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from markets.config import Config
from markets.induced_sessions import auction_demo, gode_sunder, smith1962

REFERENCE: Config = MappingProxyType(
    {
        "institution": "call_market",
        "practice_rounds": 3,
        "paid_rounds": 30,
        "paid_markets": 1,
        "traders_per_market": 0,
        "endowment_cash": "100",
        "endowment_shares": "4",
        "dividends": "0.40, 1.00",
        "dividend_weights": "1, 1",
        "interest_rate": "0.05",
        "buy_back": "14",
        "initial_price": "14",
        "tick": "0.01",
        "max_price": "9999.99",
        "max_quantity": 99,
        "max_open_orders": 10,
        "price_selection": "midpoint",
        "rationing": "time",
        "price_without_trade": "reference",
        "forecast_horizons": "0, 2, 5, 10",
        "forecast_tolerance": "2.5",
        "forecast_reward": "5",
        "forecast_max": "100",
        "trade_seconds": 20,
        "forecast_seconds": 30,
        "results_seconds": 10,
        "phase_start_seconds": 15,
        "phase_end_seconds": 30,
        "final_seconds": 75,
        "computer_traders": True,
        "disclose_fundamental": False,
        "dividend_seed": "",
    }
)
"""One asset, call market, flat fundamental value of 14; 3 practice and 30 paid rounds.

Source: public experiment code and replication material of Henning, Ojha, Spoon, Han, Camerer, "LLM Agents Do
Not Replicate Human Market Traders: Evidence From Experimental Finance", arXiv:2502.15800 (2025): endowment,
dividends, interest, buy-back, rounds, horizons, tolerance, page timers, price and volume rules.

Uncertain: `forecast_reward`. That a hit pays is known, how much is not. `forecast_max` and `max_open_orders`
are chosen here. Set all three before a replication that depends on them.
"""

DEMO: Config = MappingProxyType({**REFERENCE, "practice_rounds": 2, "paid_rounds": 5})
"""The reference design with 2 practice and 5 paid rounds: a whole session in a few minutes."""

BGH2005: Config = MappingProxyType(
    {
        **REFERENCE,
        "practice_rounds": 0,
        "paid_rounds": 20,
        "endowment_cash": "50",
        "endowment_shares": "6",
        "interest_rate": "0.10",
        "buy_back": "7",
        "initial_price": "7",
        "forecast_horizons": "",
    }
)
"""Call market with a flat fundamental value of 7 over 20 rounds: (0.70 + 7) / 1.10 = 7.

Source: Bostian, Goeree, Holt, "Price Bubbles in Asset Market Experiments with a Flat Fundamental Value"
(2005).

Uncertain: everything. Interest, dividends and buy-back fit each other, for only so is the value flat, but
neither they nor rounds and endowment were compared with the paper. Practice, forecasts, timers, price and
rationing rules are chosen here.
"""

_DOUBLE_AUCTION: Config = MappingProxyType(
    {
        **REFERENCE,
        "institution": "double_auction",
        "practice_rounds": 0,
        "interest_rate": "0",
        "buy_back": "0",
        "tick": "1",
        "max_price": "9999",
        "forecast_horizons": "",
    }
)
"""What the double auctions below have in common; a period lasts `trade_seconds`."""

SSW1988: Config = MappingProxyType(
    {
        **_DOUBLE_AUCTION,
        "paid_rounds": 15,
        "endowment_cash": "225, 585, 945",
        "endowment_shares": "3, 2, 1",
        "dividends": "0, 8, 28, 60",
        "dividend_weights": "1, 1, 1, 1",
        "initial_price": "360",
        "trade_seconds": 240,
    }
)
"""Double auction, 9 or 12 traders of three types, 15 periods; amounts in cents.

FV_t = 24 · (16 - t), from 360 to 24. Each endowment is worth 1305 at the start.

Source: Smith, Suchanek, Williams, "Bubbles, Crashes, and Endogenous Expectations in Experimental Spot Asset
Markets", Econometrica 56 (1988), design 4: dividends, periods, endowments, no buy-back.

Uncertain: the length of a period and the number of traders are taken from later descriptions; tick, highest
price and limits of an order are chosen here.
"""

DLM2005: Config = MappingProxyType(
    {
        **_DOUBLE_AUCTION,
        "paid_rounds": 10,
        "paid_markets": 4,
        "endowment_cash": "200, 600",
        "endowment_shares": "6, 2",
        "dividends": "0, 20",
        "initial_price": "100",
        "trade_seconds": 120,
    }
)
"""Double auction, 6 traders of two types, four markets of 10 periods in a row; amounts in cents.

FV_t = 10 · (11 - t), from 100 to 10. Each endowment is worth 800 at the start.

The same people trade in all four markets; in the original, some were replaced before the fourth.

Source: Dufwenberg, Lindqvist, Moore, "Bubbles and Experience: An Experiment", American Economic Review 95
(2005).

Uncertain: everything. Periods, markets and dividends are taken from later descriptions, endowments and the
length of a period from memory; the rest is chosen here.
"""

KHS2012_FALLING: Config = MappingProxyType(
    {
        **_DOUBLE_AUCTION,
        "paid_rounds": 10,
        "endowment_cash": "1000",
        "endowment_shares": "20",
        "dividends": "0, 10",
        "initial_price": "50",
        "tick": "0.01",
        "max_price": "9999.99",
        "trade_seconds": 120,
    }
)
"""Double auction, 10 traders, 10 periods; the value falls.

FV_t = 5 · (11 - t), from 50 to 5. Dividends are paid into the cash that is traded with, so the ratio of cash
to the assets' value rises. An endowment is worth 2000 at the start.

Source: Kirchler, Huber, Stöckl, "Thar She Bursts: Reducing Confusion Reduces Bubbles", American Economic
Review 102 (2012).

Uncertain: everything. Periods and the path of the value were not compared with the paper, the endowment is
from memory, the rest is chosen here.
"""

KHS2012_FLAT: Config = MappingProxyType(
    {**KHS2012_FALLING, "dividends": "0", "dividend_weights": "1", "buy_back": "50"}
)
"""The same with a value of 50 in all periods: no dividend, and a share is bought back for 50.

The ratio of cash to the assets' value does not change.

Source: as `KHS2012_FALLING`.

Uncertain: everything, as there; how the original keeps the value flat (with a dividend whose mean is 0, or
without) as well.
"""

HLN2007: Config = MappingProxyType(
    {
        **REFERENCE,
        "practice_rounds": 0,
        "paid_rounds": 15,
        "paid_markets": 4,
        "endowment_cash": "112, 292, 472",
        "endowment_shares": "3, 2, 1",
        "dividends": "0, 4, 14, 30",
        "dividend_weights": "1, 1, 1, 1",
        "interest_rate": "0",
        "buy_back": "0",
        "initial_price": "180",
        "tick": "1",
        "max_price": "9999",
        "forecast_horizons": ", ".join(str(horizon) for horizon in range(15)),
        "forecast_tolerance": "18",
        "forecast_max": "2000",
        "trade_seconds": 120,
        "forecast_seconds": 120,
        "results_seconds": 20,
    }
)
"""Call market, 9 traders of three types, four markets of 15 rounds in a row.

In each round everybody forecasts the prices of all rounds that are left.

FV_t = 12 · (16 - t), from 180 to 12. Each endowment is worth 652.

Source: Haruvy, Lahav, Noussair, "Traders' Expectations in Asset Markets: Experimental Evidence", American
Economic Review 97 (2007).

Uncertain: everything. Endowments, dividends and rounds fit each other but were not compared with the paper.
There, the reward of a forecast falls with its error in steps; here it is paid within one tolerance.
"""

PRESETS: Mapping[str, Config] = MappingProxyType(
    {
        "reference": REFERENCE,
        "demo": DEMO,
        "bgh2005": BGH2005,
        "hln2007": HLN2007,
        "ssw1988": SSW1988,
        "dlm2005": DLM2005,
        "khs2012-falling": KHS2012_FALLING,
        "khs2012-flat": KHS2012_FLAT,
        "auction-demo": auction_demo(REFERENCE),
        "smith1962": smith1962(REFERENCE),
        "gode-sunder": gode_sunder(REFERENCE),
    }
)
"""All presets by name."""

_CHOSEN = frozenset({"forecast_reward", "forecast_max", "max_open_orders"})
_OF_THE_SESSION = frozenset(
    {"institution", "traders_per_market", "computer_traders", "disclose_fundamental", "dividend_seed"}
)
_ALL = frozenset(REFERENCE) - _OF_THE_SESSION
_SSW1988_KNOWN = frozenset(
    {
        *(
            "paid_rounds",
            "paid_markets",
            "endowment_cash",
            "endowment_shares",
            "dividends",
            "dividend_weights",
        ),
        *("interest_rate", "buy_back"),
    }
)

UNCERTAIN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "reference": _CHOSEN,
        "demo": _CHOSEN | {"practice_rounds", "paid_rounds"},
        "bgh2005": _ALL,
        "hln2007": _ALL,
        "ssw1988": _ALL - _SSW1988_KNOWN,
        "dlm2005": _ALL,
        "khs2012-falling": _ALL,
        "khs2012-flat": _ALL,
        "auction-demo": _CHOSEN | {"practice_rounds", "paid_rounds", "trade_seconds"},
        "smith1962": frozenset(PRESETS["smith1962"]) - _OF_THE_SESSION - {"institution"},
        "gode-sunder": frozenset(PRESETS["gode-sunder"])
        - _OF_THE_SESSION
        - {"institution", "must_improve", "clears_after_trade", "tick", "max_price", "trade_seconds"},
    }
)
"""By preset, the keys whose values its source does not settle: confirm them before a replication."""
