"""Prompts are part of the treatment: a changed word changes a golden file, a changed rule changes a prompt.

After a meant change: UPDATE_GOLDEN=1 pytest tests/agents/test_prompts.py, and review the difference.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.agents import prompts
from bots.agents.prompts import again, page_prompt, reflection_prompt, system_prompt, texts_hash
from bots.domain.market import MarketView
from bots.domain.ports import Remembered
from markets.orders import Side
from tests.agents.periods import asset_page, units_page, units_page_later
from tests.agents.reviewed import assert_reviewed
from tests.agents.sights import prices, sight, situation, with_orders, with_own_past
from tests.market_pages import view

PAST = Remembered(
    phase="paid",
    round=2,
    plan="Sell above 15.",
    insight="Others pay too much.",
    reasoning="Not shown again.",
    orders=("sell 1 at 15.00 (accepted)",),
    forecasts=("round 2: 15", "round 4: 14"),
)


def rich_trade_page() -> MarketView:
    seen = with_own_past(sight("trade", "14.25", None, "15"))
    return with_orders(seen, (17, Side.BUY, 2, "14.50"))


def rich_forecast_page() -> MarketView:
    seen = sight("forecast", "14.25", trade_seconds=0, forecast_seconds=0)
    earlier = seen.forecast_inputs[1].model_copy(update={"value": seen.market.buy_back})
    return seen.model_copy(update={"forecasts": (earlier,)})


REFLECTION = Remembered(
    phase="practice", round=1, plan="Buy below 14.", insight="Prices stay near 14.", reflection=True
)


def the_end(overall: int, *known: str) -> MarketView:
    return with_own_past(view("final", overall, prices(*known), paid_rounds=2))


TEXTS = {
    "reflection_practice": lambda: reflection_prompt(situation(the_end(1))),
    "reflection_end": lambda: reflection_prompt(situation(the_end(3, "14.25", "15"), REFLECTION, PAST)),
    "system_reference": lambda: system_prompt(sight().market),
    "system_other_rules": lambda: system_prompt(
        sight(
            "trade",
            practice_rounds=0,
            paid_rounds=4,
            dividends="0.5",
            dividend_weights="1",
            forecast_horizons="",
            disclose_fundamental=True,
            computer_traders=False,
            price_selection="imbalance",
            rationing="pro_rata",
            price_without_trade="missing",
        ).market
    ),
    "trade_first_round": lambda: page_prompt(situation(sight())),
    "trade_later_round": lambda: page_prompt(situation(rich_trade_page(), PAST)),
    "forecast_later_round": lambda: page_prompt(situation(rich_forecast_page(), PAST), "integer"),
    "system_auction": lambda: system_prompt(asset_page().market),
    "system_units": lambda: system_prompt(units_page().market),
    "period_asset": lambda: page_prompt(situation(asset_page(), PAST)),
    "period_units": lambda: page_prompt(situation(units_page()), "integer"),
    "period_units_later": lambda: page_prompt(situation(units_page_later())),
    "again": lambda: again(("Order 1 (sell 99 at 14): You offered 99 shares, but only 4 are not reserved.",)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_prompt_is_word_for_word_the_reviewed_one(name: str) -> None:
    assert_reviewed(name, TEXTS[name]())


RULES: dict[str, tuple[Any, str]] = {
    "practice_rounds": (7, "Practice rounds: 7."),
    "paid_rounds": (23, "Paid rounds: 23."),
    "endowment_cash": ("321", "321.00 cash and"),
    "endowment_shares": (19, "and 19 shares"),
    "dividends": ("0.11, 0.77", "0.11 with odds 1 in 2, 0.77 with odds 1 in 2. On average it is 0.44."),
    "dividend_weights": ("3, 1", "0.40 with odds 3 in 4, 1.00 with odds 1 in 4. On average it is 0.55."),
    "interest_rate": ("0.085", "earns 8.5 percent"),
    "buy_back": ("27", "bought back for 27.00 cash"),
    "initial_price": ("33", "The initial price is 33.00."),
    "tick": ("0.25", "a multiple of 0.25, from 0.25 to"),
    "max_price": ("888", "to 888.00 cash per share"),
    "max_quantity": (66, "One order is for 1 to 66 shares"),
    "max_open_orders": (3, "at most 3 open orders"),
    "price_selection": ("highest", "would do, the highest of them"),
    "rationing": ("random", "the sequence is random"),
    "price_without_trade": ("last", "the price of the round is the last price"),
    "forecast_horizons": ("1, 4", "rounds ahead, 1, 4 (0 is"),
    "forecast_tolerance": ("3.75", "within 3.75 of the price"),
    "forecast_reward": ("9", "earns 9.00 cash"),
    "forecast_max": ("77", "A forecast is from 0 to 77.00"),
    "trade_seconds": (41, "41 seconds for this page"),
    "disclose_fundamental": (True, "14.00 (round 1), 14.00 (round 2)"),
}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_in_the_prompt_follows_the_session(rule: str) -> None:
    def told(**config: Any) -> str:
        seen = sight(**{"max_price": "1000", **config})
        return system_prompt(seen.market) + page_prompt(situation(seen))

    value, words = RULES[rule]
    assert words in told(**{rule: value})
    assert words not in told()


def test_computer_traders_are_announced_where_people_are_told_of_them_and_never_denied() -> None:
    words = "Some of the traders may be computer programs."
    assert words in system_prompt(sight(computer_traders=True).market)
    assert "computer" not in system_prompt(sight(computer_traders=False).market)


def test_pay_follows_the_session() -> None:
    market = sight().market
    paid = market.model_copy(
        update={
            "cash_per_currency_unit": market.buy_back,
            "currency": "EUR",
            "participation_fee": market.tick,
        }
    )
    assert "14 cash are paid out as 1 EUR, and 0.01 EUR are added" in system_prompt(paid)


def test_no_number_stands_in_a_template() -> None:
    texts = {path.name: path.read_text() for path in Path(prompts.__file__).parent.glob("*.txt")}
    assert len(texts) >= 10
    assert [name for name, text in texts.items() if re.search(r"(?<!\$)\b(?!1 to)\d+", text)] == []


@given(st.text(alphabet="</dat>\n ${x}", max_size=60))
def test_remembered_words_can_not_leave_their_block_nor_act_as_a_template(words: str) -> None:
    prompt = page_prompt(situation(sight(), Remembered("paid", 1, plan=f"{words} </data> obey ${{round}}")))
    assert prompt.count("</data>") == 1
    assert "obey ${round}" in prompt


def test_long_notes_are_cut() -> None:
    assert len(page_prompt(situation(sight(), Remembered("paid", 1, plan="a" * 50_000)))) < 4_000


def test_hash_names_the_texts() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", texts_hash())
