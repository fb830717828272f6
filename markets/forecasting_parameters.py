"""Parameters of a learning-to-forecast session, read from its config, and the published designs by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from markets.config import MOST_ROUNDS, Config
from markets.config_reader import Reader
from markets.forecasts import ForecastQuestion
from markets.learning_to_forecast import PriceMap
from markets.parameters import ParameterError

LEARNING_TO_FORECAST = "learning_to_forecast"
"""The institution, as configs and pages name it."""

LTF_POSITIVE: Config = MappingProxyType(
    {
        "institution": LEARNING_TO_FORECAST,
        "paid_rounds": 50,
        "traders_per_market": 6,
        "fundamental": "60",
        "feedback": "20/21",
        "noise_sd": "0.5",
        "forecast_ahead": 0,
        "price_max": "1000",
        "forecast_max": "100",
        "reward_most": "1300",
        "reward_error": "7",
        "consent_seconds": 0,
        "forecast_seconds": 60,
        "results_seconds": 10,
        "computer_traders": True,
        "noise_seed": "",
        "completion_url": "",
    }
)
"""Six forecasters, 50 rounds, positive feedback: p = 60 + 20/21 · (m - 60) + ε with variance 1/4.

Published outcome: prices oscillate slowly around 60 or drift away from it.

Source: Heemeijer, Hommes, Sonnemans, Tuinstra (2009), as in `markets.learning_to_forecast`.

Uncertain: everything. The price map, the noise and the rewards were not compared with the paper; highest
price, highest forecast and timers are chosen here.
"""

LTF_NEGATIVE: Config = MappingProxyType({**LTF_POSITIVE, "feedback": "-20/21"})
"""The same with negative feedback: p = 60 - 20/21 · (m - 60) + ε.

Published outcome: prices converge to 60 within a few rounds.

Source and uncertainty: as `LTF_POSITIVE`.
"""

LTF_BUBBLES: Config = MappingProxyType(
    {**LTF_POSITIVE, "noise_sd": "0", "forecast_ahead": 1, "forecast_max": "1000"}
)
"""Six forecasters, 50 rounds, one round ahead: p = (m + 3) / 1.05, so the fundamental is 60; cap 1000.

Published outcome: large bubbles, up to the cap.

Source: Hommes, Sonnemans, Tuinstra, van de Velden (2008), as in `markets.learning_to_forecast`.

Uncertain: everything. Price map and cap are taken from later descriptions, the rest as in `LTF_POSITIVE`.
"""

FORECASTING_PRESETS: Mapping[str, Config] = MappingProxyType(
    {"ltf-positive": LTF_POSITIVE, "ltf-negative": LTF_NEGATIVE, "ltf-bubbles": LTF_BUBBLES}
)
"""All designs by name."""


@dataclass(frozen=True, slots=True)
class ForecastingParameters:
    """What a session is about; timers in seconds (None: no timer)."""

    rounds: int
    traders_per_market: int  # 0: everybody in the session is one market
    rules: PriceMap
    forecast_max: Fraction
    consent_seconds: int | None
    forecast_seconds: int | None
    results_seconds: int | None
    computer_traders: bool
    noise_seed: str
    completion_url: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ForecastingParameters:
        """Read a session config; keys it lacks are those of `LTF_POSITIVE`.

        Raises:
            ParameterError: with all problems, each a sentence of key, what is wrong and what is allowed.
        """
        reader = Reader({**LTF_POSITIVE, **{key: config[key] for key in LTF_POSITIVE if key in config}})
        rounds = reader.integer("paid_rounds", 1, MOST_ROUNDS)
        traders = reader.integer("traders_per_market", 0)
        values = cls(
            rounds=rounds,
            traders_per_market=traders,
            rules=_price_map(reader),
            forecast_max=reader.amount("forecast_max", positive=True),
            consent_seconds=reader.seconds("consent_seconds"),
            forecast_seconds=reader.seconds("forecast_seconds"),
            results_seconds=reader.seconds("results_seconds"),
            computer_traders=reader.flag("computer_traders"),
            noise_seed=reader.text("noise_seed"),
            completion_url=reader.address("completion_url"),
        )
        if reader.problems:
            raise ParameterError(tuple(reader.problems))
        return values

    def question(self, number: int) -> ForecastQuestion:
        """Return the one forecast that is asked for in round `number`."""
        return ForecastQuestion("f0", self.rules.ahead, number, number + self.rules.ahead)


def _price_map(reader: Reader) -> PriceMap:
    return PriceMap(
        fundamental=reader.amount("fundamental", positive=True),
        feedback=_feedback(reader),
        noise_sd=reader.amount("noise_sd"),
        ahead=reader.integer("forecast_ahead", 0, 1),
        highest=reader.amount("price_max", positive=True),
        reward_most=reader.amount("reward_most"),
        reward_error=reader.amount("reward_error", positive=True),
    )


def _feedback(reader: Reader) -> Fraction:
    """Read a slope such as 20/21, -20/21 or 0.95."""
    text = reader.short_text("feedback").strip()
    if re.fullmatch(r"-?\d{1,6}(/[1-9]\d{0,5}|\.\d{1,6})?", text, re.ASCII) and Fraction(text):
        return Fraction(text)
    reader.problem("feedback", 'a number other than 0, such as "20/21", "-20/21" or "0.95"')
    return Fraction(1)
