"""Personas are drawn with a seed from what models.toml says, told, recorded by seat, and replayed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bots.adapters.models.catalogue import Catalogue, load_catalogue
from bots.adapters.models.personas import PersonaEntry
from bots.domain.errors import UserMustMend
from bots.domain.records import ModelAsked
from bots.services.replay import read_recording, replay
from bots.services.trader_specs import resolve
from tests.models.test_catalogue import FILE, load
from tests.standins.model_server import ModelServer
from tests.study.plans import plan_file, play, the_folder

TREATED = """
name = "wording"
repetitions = 1
seats = "2 x local, 1 x hold"
[market]
practice_rounds = 0
paid_rounds = 2
[treatments.plain]
[treatments.other]
prompt = "paraphrase"
reasoning_text = false
persona = "saver"
"""
LIKE = "You are ${age} years old and ${mood}."
AGE = {"from": 18, "to": 80, "mean": 45.0, "sd": 10.0}


def persona(text: str = LIKE, **traits: Any) -> PersonaEntry:
    given = {"age": AGE, "mood": {"of": ["calm", "keen"], "weights": [3, 1]}, **traits}
    return PersonaEntry.model_validate({"text": text, "traits": given})


def test_persona_is_the_same_for_the_same_seed_and_follows_its_distributions() -> None:
    words = [persona().words(seed) for seed in range(2000)]
    assert words == [persona().words(seed) for seed in range(2000)]
    ages = [int(told.split()[2]) for told in words]
    assert 18 <= min(ages) < 30
    assert 60 < max(ages) <= 80
    assert 44 < sum(ages) / len(ages) < 46
    moods = Counter(told.split()[-1] for told in words)
    assert 0.22 < moods["keen."] / 2000 < 0.28


def test_whole_numbers_are_drawn_with_equal_odds_and_both_ends() -> None:
    drawn = Counter(persona(age={"from": 1, "to": 4}).words(seed).split()[2] for seed in range(2000))
    assert set(drawn) == {"1", "2", "3", "4"}
    assert min(drawn.values()) > 400


def test_distribution_that_never_lies_within_its_bounds_gives_the_nearer_one() -> None:
    assert "18 years" in persona(age={"from": 10, "to": 18, "mean": 900.0, "sd": 0.1}).words(1)


@pytest.mark.parametrize(
    ("text", "traits", "said"),
    [
        ("You are ${age}.", {}, "only one of them has mood"),
        (LIKE + " ${height}", {}, "only one of them has height"),
        ("You own $ 5, ${age}, ${mood}", {}, "for a dollar sign"),
        (LIKE, {"age": {"from": 9, "to": 1}}, "from is above to"),
        (LIKE, {"age": {"from": 9}}, "either of"),
        (LIKE, {"age": {"from": 1, "to": 9, "sd": 1.0}}, "mean and sd go together"),
        (LIKE, {"mood": {"of": ["calm"], "weights": [1, 2]}}, "one whole number above 0 for each"),
        (LIKE, {"mood": {"of": ["calm"], "odds": [1]}}, "odds"),
    ],
)
def test_persona_that_cannot_be_drawn_is_told(text: str, traits: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        persona(text, **traits)


@pytest.mark.parametrize("line", ['persona = "nobody"', 'prompt = "rhymes"'])
def test_persona_or_variant_nobody_wrote_is_the_users_to_mend(line: str, tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match=r"nobody|rhymes") as error:
        resolve("gpt-4o", load(FILE.replace("temperature = 0.7", line), tmp_path))
    assert "models.toml" in error.value.where


def test_shipped_personas_can_be_drawn() -> None:
    shipped: Catalogue = load_catalogue(Path("bots/config/models.toml"))
    assert len(shipped.personas) >= 2
    for one in shipped.personas.values():
        assert "$" not in one.words(7)


async def test_treatment_changes_words_reasons_and_persona_is_recorded_and_replays(tmp_path: Path) -> None:
    async with ModelServer() as server:
        code, said = await play(
            plan_file(tmp_path, TREATED), tmp_path, environment=server.environment("sk-key")
        )
    assert code == 0, said
    for run in the_folder(tmp_path).glob("run-*"):
        manifest, journal = read_recording(run)
        assert (await replay(journal.events, manifest)).identical
        asked = [event for event in journal.events if isinstance(event, ModelAsked)]
        models = [seat for seat in manifest.seats if seat.trader != "hold"]
        other = manifest.configuration["study"]["treatment"] == "other"
        assert {seat.persona for seat in models} == {"saver" if other else ""}
        assert {("HOW LONG IT LASTS" in event.prompt) for event in asked} == {other}
        assert {('"reasoning"' in event.prompt) for event in asked} == {not other}
        for seat in models:
            about = seat.parameters.get("about", "")
            assert bool(about) is other
            told = [event.prompt for event in asked if event.seat == seat.seat]
            assert all((f"ABOUT YOU\n{about}\n" in prompt) is other for prompt in told)
        if other:
            assert len({seat.parameters["about"] for seat in models}) == 2
