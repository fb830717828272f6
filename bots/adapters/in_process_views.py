"""Market views of a market in this process, equal to those of a page's data block.

A page of a long market is mostly what earlier pages held already: the rules, the rounds before, forecasts
given. Each of these is made once, from the data block, and shared by all later views, so that a page costs no
more in round 30 than in round 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from operator import is_
from typing import Any, TypeVar

from bots.domain.market import (
    FinalResult,
    ForecastInput,
    Holdings,
    MarketRules,
    MarketView,
    OpenOrder,
    OwnRound,
    PastRound,
    Period,
    RoundRef,
    RoundResult,
    ScoredForecast,
    Units,
    Value,
)
from markets import forecasts, rounds
from markets.accounts import Account
from markets.forecasts import ForecastQuestion, GivenForecast
from markets.money import readable
from markets.orders import Order
from markets.parameters import MarketParameters
from markets.payoffs import Pay
from markets.rounds import Phase, PublicRound
from markets.view import (
    VIEW_VERSION,
    PageState,
    final_view,
    forecast_view,
    holdings_view,
    market_rules_view,
    order_view,
    own_round_view,
    past_round_view,
    round_view,
    units_view,
)

_NOTHING = Decimal("0")
_V = TypeVar("_V", bound=Value)
_Round = tuple[int, Phase, int]  # market of several in a row, phase, number within it


class SharedViews:
    """Makes the views of one market's pages."""

    def __init__(self, parameters: MarketParameters, traders: int, pay: Pay) -> None:
        self._parameters = parameters
        self._order_rules = parameters.order_rules
        self._decimals = parameters.decimals
        self._rules = [
            MarketRules.model_validate(market_rules_view(parameters, traders, pay, trader))
            for trader in range(1, len(parameters.endowments) + 1)
        ]
        self._reward = Decimal(readable(parameters.forecast_reward))
        self._highest_forecast = Decimal(readable(parameters.forecast_max))
        self._refs: dict[int, RoundRef] = {}
        self._history: dict[_Round, tuple[PastRound, ...]] = {}
        self._own: dict[int, tuple[Sequence[rounds.OwnRound], tuple[OwnRound, ...]]] = {}
        self._asked: dict[int, tuple[ForecastInput, ...]] = {}
        self._given: dict[int, tuple[Sequence[GivenForecast], tuple[ForecastInput, ...]]] = {}
        self._holdings: dict[int, tuple[Account, Sequence[Order], Holdings]] = {}
        self._amounts: dict[int, tuple[Fraction, Decimal]] = {}  # by identity, as fractions are slow to hash

    def view(self, state: PageState, trader: int) -> MarketView:
        """Return the view of a page that `trader` sees."""
        market = state.ref.market if state.ref else 1
        decimals = self._decimals
        history, own = self._history_of(market, state.history), self._own_of(trader, state.own)
        fields = {  # in the order of MarketView
            "version": VIEW_VERSION,
            "page": state.page,
            "market": self._rules[(trader - 1) % len(self._rules)],
            "round": self._ref(state.ref) if state.ref else None,
            "holdings": self._holdings_of(trader, state),
            "history": history,
            "own": own,
            "open_orders": tuple(map(self._open_order, state.open_orders)),
            "orders_known": True,
            "forecast_inputs": self._inputs(state.questions, state.ref) if state.ref else (),
            "forecasts": self._forecasts_of(trader, state),
            "result": self._result(history[-1], own[-1], state.scored) if state.show_result else None,
            "final": FinalResult.model_validate(final_view(state.final, decimals)) if state.final else None,
            "period": Period.model_validate(state.period) if state.period is not None else None,
            "units": Units.model_validate(units_view(state.units, decimals)) if state.units else None,
        }
        return MarketView.of_valid(fields)

    def _ref(self, ref: rounds.RoundRef) -> RoundRef:
        known = self._refs.get(ref.overall)
        if known is None:
            known = self._refs[ref.overall] = RoundRef.model_validate(round_view(ref))
        return known

    def _holdings_of(self, trader: int, state: PageState) -> Holdings | None:
        """Return what a trader holds; on most pages that is what it held on the one before."""
        account, orders = state.account, state.open_orders
        if account is None:
            return None
        known = self._holdings.get(trader)
        if known is not None and known[0] is account and known[1] == orders:
            return known[2]
        view = holdings_view(account, orders, self._order_rules)
        holdings = _of_amounts(Holdings, view, "cash", "cash_available")
        self._holdings[trader] = (account, orders, holdings)
        return holdings

    def _open_order(self, order: Order) -> OpenOrder:
        view = order_view(order, self._order_rules) | {"side": order.side}
        return _of_amounts(OpenOrder, view, "limit")

    def _history_of(self, market: int, history: Sequence[PublicRound]) -> tuple[PastRound, ...]:
        if not history:
            return ()
        last = history[-1]
        key = (market, last.phase, last.number)
        if key not in self._history:
            new = PastRound.model_validate(past_round_view(last))
            self._history[key] = (*self._history_of(market, history[:-1]), new)
        return self._history[key]

    def _own_of(self, trader: int, own: Sequence[rounds.OwnRound]) -> tuple[OwnRound, ...]:
        """Return a trader's rounds; they are those of the page before, or these and one more."""
        before, known = self._own.get(trader, ((), ()))
        if own is not before:
            if len(own) < len(before) or not all(map(is_, before, own)):
                known = ()
            known = (*known, *map(self._own_round, own[len(known) :]))
            self._own[trader] = (own, known)
        return known

    def _own_round(self, own: rounds.OwnRound) -> OwnRound:
        view = own_round_view(own, self._decimals)
        return _of_amounts(OwnRound, view, "interest", "dividends", "cash", "earnings")

    def _inputs(self, asked: Sequence[ForecastQuestion], ref: rounds.RoundRef) -> tuple[ForecastInput, ...]:
        """Return what the forecast page of a round asks, the same of everybody."""
        if not asked:
            return ()
        if ref.overall not in self._asked:
            views = [forecast_view(question, None, self._parameters) for question in asked]
            self._asked[ref.overall] = tuple(map(ForecastInput.model_validate, views))
        return self._asked[ref.overall]

    def _forecasts_of(self, trader: int, state: PageState) -> tuple[ForecastInput, ...]:
        """Return what a trader has forecast; most of it was on the page before, the very same values."""
        if state.ref is None:
            return ()
        given, known = self._given.get(trader, ((), ()))
        if state.forecasts is not given:
            before = dict(zip(map(id, given), known, strict=True))
            known = tuple([before.get(id(one)) or self._forecast(one) for one in state.forecasts])
            self._given[trader] = (state.forecasts, known)
        return known

    def _forecast(self, given: GivenForecast) -> ForecastInput:
        fields = {
            "field": given.field,
            "horizon": given.horizon,
            "round": given.round,
            "minimum": _NOTHING,
            "maximum": self._highest_forecast,
            "value": self._exact(given.value),
        }
        return ForecastInput.of_valid(fields)

    def _exact(self, amount: Fraction) -> Decimal:
        """Return what was forecast; it is told when it is given and again when it is scored."""
        known = self._amounts.get(id(amount))
        if known is None:
            known = self._amounts[id(amount)] = (amount, Decimal(readable(amount)))
        return known[1]

    def _result(
        self, public: PastRound, own: OwnRound, scored: Sequence[forecasts.ScoredForecast]
    ) -> RoundResult:
        """Return what a results page tells of its round, in the words of the round itself."""
        fields = {
            "price": public.price,
            "volume": public.volume,
            "bought": own.bought,
            "sold": own.sold,
            "dividend": public.dividend,
            "dividends": own.dividends,
            "interest": own.interest,
            "earnings": own.earnings,
            "forecasts": tuple([self._scored(one, public) for one in scored]),
        }
        return RoundResult.of_valid(fields)

    def _scored(self, one: forecasts.ScoredForecast, public: PastRound) -> ScoredForecast:
        fields = {
            "made_in": one.made_in,
            "round": one.round,
            "horizon": one.horizon,
            "value": self._exact(one.value),
            "price": public.price,
            "reward": self._reward if one.reward else _NOTHING,
        }
        return ScoredForecast.of_valid(fields)


def _of_amounts(kind: type[_V], view: dict[str, Any], *amounts: str) -> _V:
    """Return the value of a part of a data block, in which `amounts` of money are texts or None."""
    for name in amounts:
        if view[name] is not None:
            view[name] = Decimal(view[name])
    return kind.of_valid(view)
