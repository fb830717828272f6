"""Market views of a market in this process, equal to those of a page's data block.

A page of a long market is mostly what earlier pages held already: the rules, the rounds before, forecasts
given. Each of these is made once and shared by all later views, so that a page costs no more in round 30 than
in round 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from bots.domain.market import ForecastInput, MarketRules, MarketView, OwnRound, PastRound
from markets import rounds
from markets.forecasts import GivenForecast
from markets.parameters import MarketParameters
from markets.payoffs import Pay
from markets.rounds import Phase, PublicRound
from markets.view import (
    PageState,
    forecast_view,
    market_rules_view,
    own_round_view,
    page_view,
    past_round_view,
)

_Round = tuple[int, Phase, int]  # market of several in a row, phase, number within it


class SharedViews:
    """Makes the views of one market's pages."""

    def __init__(self, parameters: MarketParameters, traders: int, pay: Pay) -> None:
        self._parameters = parameters
        self._rules = [
            MarketRules.model_validate(market_rules_view(parameters, traders, pay, trader))
            for trader in range(1, len(parameters.endowments) + 1)
        ]
        self._history: dict[_Round, tuple[PastRound, ...]] = {}
        self._own: dict[tuple[int, _Round], tuple[OwnRound, ...]] = {}
        self._forecasts: dict[tuple[int, _Round, str], ForecastInput] = {}
        self._given: dict[int, tuple[Sequence[GivenForecast], tuple[ForecastInput, ...]]] = {}

    def view(self, state: PageState, trader: int) -> MarketView:
        """Return the view of a page that `trader` sees."""
        market = state.ref.market if state.ref else 1
        shared = {
            "market": self._rules[(trader - 1) % len(self._rules)],
            "history": self._history_of(market, state.history),
            "own": self._own_of(market, trader, state.own),
            "forecasts": self._forecasts_of(trader, state),
        }
        return MarketView.model_validate({**page_view(state), **shared})

    def _history_of(self, market: int, history: Sequence[PublicRound]) -> tuple[PastRound, ...]:
        if not history:
            return ()
        last = history[-1]
        key = (market, last.phase, last.number)
        if key not in self._history:
            new = PastRound.model_validate(past_round_view(last))
            self._history[key] = (*self._history_of(market, history[:-1]), new)
        return self._history[key]

    def _own_of(self, market: int, trader: int, own: Sequence[rounds.OwnRound]) -> tuple[OwnRound, ...]:
        if not own:
            return ()
        last = own[-1]
        key = (trader, (market, last.phase, last.number))
        if key not in self._own:
            new = OwnRound.model_validate(own_round_view(last, self._parameters.decimals))
            self._own[key] = (*self._own_of(market, trader, own[:-1]), new)
        return self._own[key]

    def _forecasts_of(self, trader: int, state: PageState) -> tuple[ForecastInput, ...]:
        if state.ref is None:
            return ()
        given, known = self._given.get(trader, ((), ()))
        if state.forecasts is not given:
            market, phase = state.ref.market, state.ref.phase
            known = tuple(
                self._forecast(trader, (market, phase, one.made_in), one) for one in state.forecasts
            )
            self._given[trader] = (state.forecasts, known)
        return known

    def _forecast(self, trader: int, made_in: _Round, given: GivenForecast) -> ForecastInput:
        key = (trader, made_in, given.field)
        if key not in self._forecasts:
            view = forecast_view(given, given.value, self._parameters)
            self._forecasts[key] = ForecastInput.model_validate(view)
        return self._forecasts[key]
