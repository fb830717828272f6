"""What treatments change of prompts changes no rule: the same facts in other words, with reasons or not."""

from __future__ import annotations

import re
import tomllib
from string import Template

import pytest

from bots.agents.page_replies import page_schema
from bots.agents.prompts import Wording, again, page_prompt, system_prompt, variants
from bots.agents.prompts.pages import any_page_prompt, participant_prompt
from bots.agents.prompts.texts import names, raw_text, renamed, text
from bots.agents.replies import read_reply, reply_schema
from bots.domain.market import MarketView
from bots.domain.ports import PageSituation, Remembered
from tests.agents.periods import asset_page, units_page
from tests.agents.reviewed import assert_reviewed
from tests.agents.sights import sight, situation
from tests.market_pages import market_page

OWN = [(variant, name) for variant, own in variants().items() for name in own if name.endswith(".txt")]
SILENT = Wording(reasoning=False)
SAVER = Wording(persona="You are 41 years old and patient.")


@pytest.mark.parametrize(("variant", "name"), OWN)
def test_variant_tells_all_that_the_standard_text_tells_and_no_number_of_its_own(
    variant: str, name: str
) -> None:
    own, standard = text(name, variant), text(name)
    assert sorted(_fields(own)) == sorted(_fields(standard))
    assert re.findall(r"(?<!\$)\b(?!1 to)\d+", own) == []
    assert own != standard


def _fields(template: str) -> list[str]:
    assert Template(template).is_valid()
    return re.findall(r"\$\{(\w+)\}", template)


DISGUISE = Wording("isomorph")
PAST = Remembered("paid", 1, plan="Buy shares.", orders=("sell 9 at 14 (refused: You offered 9 shares.)",))
TOLD = {
    "system_paraphrase": lambda: system_prompt(sight().market, Wording("paraphrase")),
    "units_paraphrase": lambda: system_prompt(units_page().market, Wording("paraphrase")),
    "system_isomorph": lambda: system_prompt(sight().market, DISGUISE),
    "units_isomorph": lambda: system_prompt(units_page().market, DISGUISE),
    "auction_isomorph": lambda: system_prompt(asset_page().market, DISGUISE),
    "trade_isomorph": lambda: page_prompt(situation(sight("trade", "14.25"), PAST), wording=DISGUISE),
    "period_isomorph": lambda: page_prompt(situation(asset_page(), PAST), wording=DISGUISE),
    "forecast_isomorph": lambda: page_prompt(situation(sight("forecast", "14.25"), PAST), wording=DISGUISE),
    "again_isomorph": lambda: again(("You offered 99 shares, but only 4 are not reserved.",), DISGUISE),
}


@pytest.mark.parametrize("name", TOLD)
def test_variant_is_word_for_word_the_reviewed_one(name: str) -> None:
    assert_reviewed(name, TOLD[name]())


def test_persona_is_told_on_every_page_and_nothing_else_changes() -> None:
    market = sight().market
    for plain, told in (
        (system_prompt(market), system_prompt(market, SAVER)),
        (system_prompt(units_page().market), system_prompt(units_page().market, SAVER)),
        (participant_prompt(), participant_prompt(SAVER)),
    ):
        assert told.replace("\n\nABOUT YOU\nYou are 41 years old and patient.", "") == plain
        assert "ABOUT YOU" not in plain


@pytest.mark.parametrize("seen", [sight(), sight("forecast"), asset_page(), units_page()])
def test_reasons_are_neither_asked_for_nor_in_the_schema_where_a_treatment_leaves_them_out(
    seen: MarketView,
) -> None:
    told = page_prompt(situation(seen), wording=SILENT)
    assert "reasoning" not in told
    line = '- "reasoning": why, in a few sentences.\n'
    assert page_prompt(situation(seen)).replace(line, "") == told
    for numbers in ("number", "integer"):
        with_reasons = reply_schema(seen, numbers)["required"]
        assert reply_schema(seen, numbers, reasoning=False)["required"] == with_reasons[1:]
        assert with_reasons[0] == "reasoning"


def test_pages_outside_markets_leave_reasons_out_too() -> None:
    page = market_page()
    assert "reasoning" not in any_page_prompt(PageSituation(1, "d", page), SILENT)
    assert "reasoning" in any_page_prompt(PageSituation(1, "d", page))
    assert "reasoning" not in page_schema(page, reasoning=False)["required"]
    assert "note" in page_schema(page, reasoning=False)["required"]


def test_reply_without_reasons_is_a_decision() -> None:
    assert read_reply('{"insight": "", "plan": "", "orders": []}', sight()).reasoning is None


@pytest.mark.parametrize("variant", [name for name in variants() if name != "standard"])
def test_sentences_of_a_variant_take_the_place_of_standard_ones_with_the_same_fields(variant: str) -> None:
    own, known = (tomllib.loads(raw_text("sentences.toml", one)) for one in (variant, "standard"))
    for table, told in own.items():
        for key, sentence in told.items():
            assert sorted(_fields(sentence)) == sorted(_fields(known[table][key]))
            assert re.findall(r"\d", sentence) == []


def test_other_names_are_of_whole_words_and_never_of_fields() -> None:
    assert names("standard") == {}
    assert renamed("Shares ${shares} shareholder SHARE share, ${endowment_shares}", "isomorph") == (
        "Permits ${shares} shareholder PERMIT permit, ${endowment_shares}"
    )
