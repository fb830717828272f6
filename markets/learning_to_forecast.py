"""Learning to forecast: nobody trades; forecasts alone make the price, and earn by how near they come to it.

In round t everybody forecasts the price of round t + `ahead`; from the mean m of these forecasts follows

    p_t = fundamental + feedback · (m - fundamental) + ε_t,

kept within [0, highest]. Where all forecast the fundamental, they are right. Positive feedback is that of an
asset whose demand rises with its expected price, negative that of a good whose supply does.

Sources: Hommes, Sonnemans, Tuinstra, van de Velden, "Expectations and bubbles in asset pricing experiments",
Journal of Economic Behavior & Organization 67 (2008): p = (m + 3) / 1.05, which is 60 + 20/21 · (m - 60), one
round ahead. Heemeijer, Hommes, Sonnemans, Tuinstra, "Price stability and volatility in markets with positive
and negative expectations feedback", Journal of Economic Dynamics & Control 33 (2009):
p = 60 ± 20/21 · (m - 60) + ε.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from markets.money import rounded

PRICE_DECIMALS = 2
"""Places of a price."""

_FLIPS = 10_000
_SPREAD = 100  # the standard deviation of the sum of so many ±1


@dataclass(frozen=True, slots=True)
class PriceMap:
    """How forecasts make a price; amounts are cash.

    Attributes:
        fundamental: price at which forecasts come true.
        feedback: slope, not 0; above 0 is positive feedback. Between -1 and 1 naive forecasts converge.
        noise_sd: standard deviation of ε, >= 0.
        ahead: rounds between the one a forecast is made in and the one it is of; 0 or 1.
        highest: price, > 0.
        reward_most: for a forecast without error, >= 0.
        reward_error: at which the reward is 0, > 0.
    """

    fundamental: Fraction
    feedback: Fraction
    noise_sd: Fraction
    ahead: int
    highest: Fraction
    reward_most: Fraction
    reward_error: Fraction

    def noise(self, seed: str, number: int) -> Fraction:
        """Return ε of round `number`: mean 0, standard deviation `noise_sd`, as good as normal.

        It is the sum of ten thousand fair coin flips, so it is exact, and the same on every machine.
        """
        flips = random.Random(f"{seed}/{number}/noise").getrandbits(_FLIPS).bit_count()
        return self.noise_sd * (2 * flips - _FLIPS) / _SPREAD

    def price(self, forecasts: Sequence[Fraction], noise: Fraction = Fraction(0)) -> Fraction:
        """Return the price that forecasts make, to the cent; without any, the fundamental."""
        mean = sum(forecasts, Fraction(0)) / len(forecasts) if forecasts else self.fundamental
        price = self.fundamental + self.feedback * (mean - self.fundamental) + noise
        return rounded(min(max(price, Fraction(0)), self.highest), PRICE_DECIMALS)

    def reward(self, forecast: Fraction, price: Fraction) -> Fraction:
        """Return what a forecast earns: most · (1 - (error / reward_error)²), and never less than 0."""
        share = 1 - ((forecast - price) / self.reward_error) ** 2
        return rounded(max(Fraction(0), self.reward_most * share), PRICE_DECIMALS)


@dataclass(frozen=True, slots=True)
class ForecastRound:
    """A finished round.

    Attributes:
        number: from 1.
        price: of the round, cash.
        rewards: of the forecasts of this round's price, by forecaster; who gave none has none.
    """

    number: int
    price: Fraction
    rewards: Mapping[int, Fraction]


def close_forecast_round(
    number: int,
    given: Mapping[int, Sequence[Fraction | None]],
    rules: PriceMap,
    seed: str,
) -> ForecastRound:
    """Return what round `number` ends with.

    Somebody who gave no forecast in this round is taken at the last one they gave; who never gave one is left
    out of the mean. Only forecasts that were given are rewarded.

    Args:
        given: forecasts of rounds 1 … number by forecaster, None where there is none.
        seed: of the noise.
    """
    latest = [next((one for one in reversed(own) if one is not None), None) for own in given.values()]
    price = rules.price([one for one in latest if one is not None], rules.noise(seed, number))
    made_in = number - rules.ahead
    of_this_round = {who: own[made_in - 1] for who, own in given.items() if made_in >= 1}
    rewards = {who: rules.reward(one, price) for who, one in of_this_round.items() if one is not None}
    return ForecastRound(number, price, rewards)
