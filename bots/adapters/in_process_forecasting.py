"""Learning to forecast in this process: the pages of the oTree project's app, over the same rules.

    market = InProcessForecasting(ForecastingParameters.from_config(LTF_POSITIVE), forecasters=6, seed="7")

Each forecaster goes (forecast → wait → results)* → final at its own pace; at the wait page everybody is
waited for, and the price is made when the last one comes. There is no consent page.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from bots.adapters.answers import NO_CHANNEL, NO_FORM
from bots.adapters.in_process_pages import InProcessPages, SeatState, Step
from bots.domain.market import MarketView
from bots.domain.pages import Answer, Page, PageKind, SendLive, SubmitForm
from markets.forecasting_parameters import ForecastingParameters
from markets.forecasting_view import ForecastPage, forecasting_view
from markets.forecasts import read_forecasts
from markets.learning_to_forecast import ForecastRound, close_forecast_round
from markets.payoffs import Pay

PAY: Final = Pay(cash_per_currency_unit=Fraction(2000))
"""How points become money in the shipped sessions."""

_PAGE_CLASSES: Final[Mapping[Step, str]] = {
    "forecast": "Forecast",
    "wait": "MakePrice",
    "results": "Results",
    "final": "Final",
}
_KINDS: Final = {"wait": PageKind.WAIT, "final": PageKind.END}


class InProcessForecasting(InProcessPages):
    """One market of forecasters.

    Args:
        parameters: of the session.
        forecasters: how many; ids are 1 … forecasters.
        seed: of the noise; the parameters' own `noise_seed` goes first.
        pay: how points become money.
        timed: whether pages have the parameters' timers; without, a page stays until it is left.
    """

    app = "learning_to_forecast"

    def __init__(
        self,
        parameters: ForecastingParameters,
        forecasters: int,
        *,
        seed: str = "",
        pay: Pay = PAY,
        timed: bool = False,
    ) -> None:
        super().__init__(range(1, forecasters + 1), "forecast", timed=timed)
        self.parameters = parameters
        self.pay = pay
        self._seed = f"{parameters.noise_seed or seed}/1"  # a server numbers the markets of a session
        self._given: dict[int, list[Fraction | None]] = {trader: [] for trader in self._seats}
        self._closed: list[ForecastRound] = []

    @property
    def rounds(self) -> tuple[ForecastRound, ...]:
        """The rounds that are closed."""
        return tuple(self._closed)

    def submit(self, trader: int, act: SubmitForm) -> Answer:
        """Take a form; a forecast that cannot be read shows the page again, unless its time is over."""
        seat = self._seats[trader]
        if seat.step in _KINDS:
            return Answer(accepted=False, words=(NO_FORM,), page=self._page(seat))
        if seat.step == "forecast":
            asked = (self.parameters.question(seat.overall),)
            given, errors = read_forecasts(act.values, asked, self.parameters.forecast_max)
            if errors and not act.timed_out:
                words = tuple(f"{name}: {told}" for name, told in errors.items())
                self._turn(seat, errors=words)
                return Answer(accepted=False, words=words, page=self._page(seat))
            self._given[trader].append(given[0].value if given else None)
        self._go_on(seat)
        return Answer(accepted=True, page=self._page(seat))

    def send(self, trader: int, act: SendLive) -> Answer:
        """Refuse a live message: no page takes any."""
        del act
        words = (NO_CHANNEL,)
        return Answer(accepted=False, words=words, page=self._page(self._seats[trader]))

    def _go_on(self, seat: SeatState) -> None:
        if seat.step == "forecast":
            seat.step = "wait"
        elif seat.step == "wait":
            seat.step = "results"
        elif seat.overall == self.parameters.rounds:
            seat.step = "final"
        else:
            seat.overall, seat.step = seat.overall + 1, "forecast"
        self._turn(seat)
        self._start_timer(seat)
        if seat.step == "wait" and self._all_are_at("wait"):
            self._close_round(seat.overall)

    def _close_round(self, number: int) -> None:
        """Make the price and let everybody go on to the results."""
        closed = close_forecast_round(number, self._given, self.parameters.rules, self._seed)
        self._closed.append(closed)
        for seat in self._seats.values():
            self._go_on(seat)

    def _seconds(self, seat: SeatState) -> int | None:
        timers = {"forecast": self.parameters.forecast_seconds, "results": self.parameters.results_seconds}
        return timers.get(seat.step)

    def _drawn(self, seat: SeatState) -> Page:
        kind = _KINDS.get(seat.step, PageKind.MARKET)
        view = None if kind is PageKind.WAIT else self._view(seat)
        visit, revision = seat.shown
        name = _PAGE_CLASSES[seat.step]
        index = (seat.overall - 1) * len(_PAGE_CLASSES) + list(_PAGE_CLASSES).index(seat.step) + 1
        return Page(
            visit=visit,
            kind=kind,
            location=f"/p/trader{seat.trader}/{self.app}/{name}/{index}",
            title=name,
            form=self._form(view) if kind is PageKind.MARKET else None,
            market=view,
            expires_at=seat.expires_at,
            errors=seat.errors,
            revision=revision,
        )

    def _view(self, seat: SeatState) -> MarketView:
        known = self._closed[: seat.overall - 1 if seat.step == "forecast" else seat.overall]
        rewards = [one.rewards.get(seat.trader) for one in known]
        earned = sum((one for one in rewards if one), Fraction(0))
        pages: Mapping[str, Any] = {"forecast": "forecast", "results": "results", "final": "final"}
        state = ForecastPage(
            page=pages[seat.step],
            parameters=self.parameters,
            forecasters=len(self._seats),
            pay=self.pay,
            number=seat.overall,
            prices=[one.price for one in known],
            given=self._given[seat.trader][: len(known)],
            rewards=rewards,
            payoff=self.pay.in_currency(earned) if seat.step == "final" else None,
        )
        return MarketView.model_validate(forecasting_view(state))
