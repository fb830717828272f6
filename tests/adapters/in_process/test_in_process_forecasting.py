"""Learning to forecast in this process answers as the oTree project's app does, page by page."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.adapters.in_process_forecasting import InProcessForecasting
from bots.adapters.in_process_pages import InProcessSession
from bots.domain.market import MarketView
from bots.domain.pages import Answer, Page, PageKind, SendLive, SubmitForm
from markets.forecasting_parameters import FORECASTING_PRESETS, ForecastingParameters
from markets.learning_to_forecast import close_forecast_round


def market(forecasters: int = 2, preset: str = "ltf-positive", **config: str | int) -> InProcessForecasting:
    known = {**FORECASTING_PRESETS[preset], "paid_rounds": 3, **config}
    return InProcessForecasting(ForecastingParameters.from_config(known), forecasters, seed="7")


def soon(seconds: float = 5) -> float:
    return time.monotonic() + seconds


async def send(session: InProcessSession, text: str | None = None) -> Answer:
    return await session.act(SubmitForm({} if text is None else {"f0": text}), soon())


def seen(page: Page | None) -> MarketView:
    assert page is not None
    assert page.market is not None
    return page.market


async def test_each_round_is_a_forecast_a_wait_and_the_price_and_the_last_page_pays() -> None:
    play = market()
    one, two = play.session(1), play.session(2)
    forecasts = [("70", "50"), ("64.5", "58"), ("", "61")]
    names: list[str] = []
    for first, second in forecasts:
        for session, text in ((one, first), (two, second)):
            names.append((await session.look()).name)
            assert (await send(session, text)).accepted
        assert (await one.look()).kind is PageKind.MARKET
        for session in (one, two):
            names.append((await session.look()).name)
            await send(session)
    assert names == ["forecast", "forecast", "results", "results"] * 3
    given: dict[int, list[Fraction | None]] = {
        1: [Fraction(70), Fraction("64.5"), None],
        2: [Fraction(50), Fraction(58), Fraction(61)],
    }
    closed = [
        close_forecast_round(
            number, {who: own[:number] for who, own in given.items()}, play.parameters.rules, "7/1"
        )
        for number in (1, 2, 3)
    ]
    assert list(play.rounds) == closed
    page = await one.look()
    final = seen(page).final
    assert (page.kind, page.name, page.form) == (PageKind.END, "final", None)
    assert final is not None
    earned = sum((one.rewards.get(1, Fraction(0)) for one in closed), Fraction(0))
    assert Fraction(final.forecast_earnings or 0) == earned
    assert Fraction(final.payoff or 0) == play.pay.in_currency(earned)
    assert not (await send(one)).accepted


async def test_forecast_that_cannot_be_read_shows_the_page_again_with_what_is_allowed() -> None:
    session = market().session(1)
    before = await session.look()
    answer = await send(session, "a lot")
    assert not answer.accepted
    assert "from 0 to 100" in answer.words[0]
    assert answer.page is not None
    assert (answer.page.location, answer.page.errors) == (before.location, answer.words)
    assert not (await session.act(SendLive({"type": "place"}, "a"), soon())).accepted


async def test_who_waits_is_told_once_the_price_is_made_and_no_sooner() -> None:
    play = market()
    one, two = play.session(1), play.session(2)
    for session in (one, two):
        await session.look()
    waiting = (await send(one, "60")).page
    assert waiting is not None
    assert (waiting.kind, waiting.market) == (PageKind.WAIT, None)
    assert await one.wait(waiting, time.monotonic()) is None
    await send(two, "60")
    assert seen(await one.wait(waiting, soon())).result is not None


async def test_forecast_of_the_next_round_is_rewarded_when_that_round_has_its_price() -> None:
    session = (play := market(1, "ltf-bubbles")).session(1)
    await session.look()
    results = seen((await send(session, "63")).page)
    assert [one.round for one in results.forecasts] == [2]
    assert results.result is not None
    assert results.result.forecasts == ()
    await send(session)
    again = seen((await send(session, "63")).page).result
    assert again is not None
    assert [(one.made_in, one.round) for one in again.forecasts] == [(1, 2)]
    assert Fraction(again.price or 0) == play.rounds[1].price


@settings(max_examples=25)
@given(st.lists(st.decimals(0, 100, places=2), min_size=3, max_size=3))
@pytest.mark.parametrize("preset", FORECASTING_PRESETS)
async def test_history_on_the_page_is_the_prices_that_the_rules_made(preset: str, forecasts) -> None:  # type: ignore[no-untyped-def]
    play = market(1, preset)
    session = play.session(1)
    await session.look()
    for value in forecasts:
        await send(session, f"{value:f}")
        await send(session)
    prices = [Fraction(past.price or 0) for past in seen(await session.look()).history]
    assert prices == [one.price for one in play.rounds]
    assert len(prices) == 3
