"""Each option of a plan changes what it says it changes: at the wire, in the prompt, in the record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bots.adapters.run_folder import read_manifest
from bots.domain.records import ModelAsked, RunManifest, RunOutcome
from bots.services.replay import read_recording
from bots.services.study_report import read_market
from tests.standins.model_server import Asked, ModelServer
from tests.study.plans import plan_file, play, the_folder

PLAN = """
name = "options"
repetitions = 1
shuffle = false
seats = "1 x local, 1 x hold"
market = { practice_rounds = 1, paid_rounds = 3, forecast_horizons = "" }
[treatments.baseline]
"""


@dataclass(frozen=True)
class Market:
    """What became of one treatment's market."""

    asked: tuple[Asked, ...]
    prompts: tuple[ModelAsked, ...]
    manifest: RunManifest

    @property
    def first(self) -> Asked:
        return self.asked[0]

    @property
    def last(self) -> str:
        """The page of the last round, as it was asked for."""
        return [one.text for one in self.asked if "END OF THE P" not in one.text][-1]

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.manifest.seats[0].parameters

    def remembered(self) -> int:
        """Rounds of its own past that the last request holds."""
        return self.last.count("It moves little.")


Changes = Callable[[Market, Market], bool]


def sent(key: str, value: object) -> Changes:
    """Tell whether a parameter is on the wire and in the record, and is not what it was."""
    return lambda was, now: (
        all(one.body.get(key) == value for one in now.asked)
        and now.parameters[key] == value
        and was.first.body.get(key) != value
    )


# Each option as a treatment sets it, and what it must change against the baseline.
OPTIONS: Mapping[str, tuple[str, Changes]] = {
    "prompt": (
        'prompt = "paraphrase"',
        lambda was, now: was.first.text != now.first.text and now.parameters["prompt"] == "paraphrase",
    ),
    "no-memory": (
        "memory_window = 0",
        lambda was, now: was.remembered() > 1 and now.remembered() == 0,
    ),
    "history": (
        "memory_window = 1",
        lambda was, now: was.remembered() > now.remembered() == 1,
    ),
    "persona": (
        'persona = "saver"',
        lambda was, now: (
            now.parameters["about"] in now.first.text
            and now.parameters["about"] not in was.first.text
            and now.manifest.seats[0].persona == "saver"
        ),
    ),
    "reasoning": (
        "reasoning_text = false",
        lambda was, now: (
            '"reasoning"' in json.dumps(was.first.body["response_format"])
            and '"reasoning"' not in json.dumps(now.first.body["response_format"])
        ),
    ),
    "reflection": (
        "reflection = true",
        lambda was, now: (
            [sum("END OF THE P" in one.text for one in market.asked) for market in (was, now)] == [0, 2]
        ),
    ),
    "deadlines": (
        "timed = true",
        lambda was, now: (
            now.manifest.configuration["timed"]
            and was.manifest.configuration["market"]["trade_seconds"] == 0
            and now.manifest.configuration["market"]["trade_seconds"] > 0
            and f"{now.manifest.configuration['market']['trade_seconds']} seconds" in now.first.text
            and "seconds" not in was.first.text
        ),
    ),
    "disclosed": (
        "market = { disclose_fundamental = true }",
        lambda was, now: " is worth: " in now.first.text and " is worth: " not in was.first.text,
    ),
    "temperature": ("parameters = { temperature = 0.3 }", sent("temperature", 0.3)),
    "top-p": ("parameters = { top_p = 0.4 }", sent("top_p", 0.4)),
    "seed": ("parameters = { seed = 77 }", sent("seed", 77)),
    "tokens": (
        "parameters = { max_tokens = 333 }",
        lambda was, now: (
            333 in now.first.body.values()
            and 333 not in was.first.body.values()
            and now.parameters["max_tokens"] == 333
        ),
    ),
    "fallback": (
        'fallback = "momentum"',
        lambda was, now: (was.manifest.fallback, now.manifest.fallback) == ("hold", "momentum"),
    ),
    "seats": (
        'seats = "1 x local, 1 x momentum"',
        lambda was, now: now.manifest.seats[1].trader == "momentum" != was.manifest.seats[1].trader,
    ),
    "rounds": (
        "market = { paid_rounds = 4 }",
        lambda was, now: len(now.asked) == len(was.asked) + 1,
    ),
}
SAME_PROMPTS = ("temperature", "top-p", "seed", "tokens", "fallback", "seats")
"""Options after which the first prompt has the very hash it had."""


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Market]:
    folder = tmp_path_factory.mktemp("options")
    return asyncio.run(played(folder))


async def played(folder: Path) -> Mapping[str, Market]:
    """Play one market of each treatment, one after another, and tell them apart at the wire."""
    text = PLAN + "".join(f"[treatments.{name}]\n{option}\n" for name, (option, _) in OPTIONS.items())
    async with ModelServer() as server:
        environment = server.environment("sk-key")
        code, said = await play(plan_file(folder, text), folder, environment=environment)
    assert code == 0, said
    found, left = {}, iter(server.asked)
    for number in range(1, len(OPTIONS) + 2):
        manifest, journal = read_recording(the_folder(folder) / f"run-{number}")
        prompts = tuple(one for one in journal.events if isinstance(one, ModelAsked))
        asked = tuple(next(left) for _ in prompts)
        found[manifest.configuration["study"]["treatment"]] = Market(asked, prompts, manifest)
    assert next(left, None) is None
    return found


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_of_a_treatment_changes_what_it_says_and_its_prompt_has_another_hash_where_it_should(
    markets: Mapping[str, Market], name: str
) -> None:
    was, now = markets["baseline"], markets[name]

    assert OPTIONS[name][1](was, now)
    same = was.prompts[0].prompt_hash == now.prompts[0].prompt_hash
    later = name in (
        "history",
        "no-memory",
        "reflection",
    )  # told on later pages
    assert same == (name in SAME_PROMPTS) or later


SEEDS = """
name = "seeds"
repetitions = 1
seats = "3 x zero-intelligence, 3 x fundamentalist"
market = { practice_rounds = 0, paid_rounds = 6, forecast_horizons = "" }
[seeds]
"""


@pytest.mark.parametrize("changed", ["dividends", "seating", "sampling"])
async def test_a_seed_changes_what_it_is_of_and_nothing_else(tmp_path: Path, changed: str) -> None:
    drawn = []
    for value in (1, 2):
        data = tmp_path / str(value)
        data.mkdir()
        code, said = await play(plan_file(data, f"{SEEDS}{changed} = {value}\n"), data)
        assert code == 0, said
        drawn.append(draws(the_folder(data) / "run-1"))
    assert {name for name in drawn[0] if drawn[0][name] != drawn[1][name]} == {changed}


def draws(run: Path) -> Mapping[str, object]:
    """Return what a market's seeds have drawn: its dividends, who sits where, and the traders' own seeds."""
    manifest = read_manifest(run)
    history = read_market(run, manifest).history(1)
    return {
        "dividends": [past.dividend for past in history.values()],
        "seating": [seat.trader for seat in manifest.seats],
        "sampling": [seat.seed for seat in manifest.seats],
    }


async def test_a_study_stops_after_as_many_failed_markets_as_its_rule_says(tmp_path: Path) -> None:
    rules = "timeout_minutes = 0.000001\n[rules]\nstop_after_failed = 2\n[seeds]"
    text = SEEDS.replace("repetitions = 1", "repetitions = 5").replace("[seeds]", rules)
    code, said = await play(plan_file(tmp_path, text), tmp_path)

    outcomes = [read_manifest(run).outcome for run in the_folder(tmp_path).glob("run-*")]
    assert (code, outcomes) == (3, [RunOutcome.TIMED_OUT] * 2), said
