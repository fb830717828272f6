"""Session configs of published designs, as flat dictionaries of a session's config keys."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Config = Mapping[str, str | int | bool]

REFERENCE: Config = MappingProxyType(
    {
        "institution": "call_market",
        "practice_rounds": 3,
        "paid_rounds": 30,
        "traders_per_market": 0,
        "endowment_cash": "100",
        "endowment_shares": 4,
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
        "endowment_shares": 6,
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

PRESETS: Mapping[str, Config] = MappingProxyType({"reference": REFERENCE, "demo": DEMO, "bgh2005": BGH2005})
"""All presets by name."""

_CHOSEN = frozenset({"forecast_reward", "forecast_max", "max_open_orders"})
_OF_THE_SESSION = frozenset(
    {"traders_per_market", "computer_traders", "disclose_fundamental", "dividend_seed"}
)

UNCERTAIN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "reference": _CHOSEN,
        "demo": _CHOSEN | {"practice_rounds", "paid_rounds"},
        "bgh2005": frozenset(REFERENCE) - _OF_THE_SESSION,
    }
)
"""By preset, the keys whose values its source does not settle: confirm them before a replication."""
