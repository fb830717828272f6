from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import Catalogue, load_catalogue, parse_counts
from bots.agents.strategies import STRATEGIES
from bots.domain.errors import UserMustMend
from bots.services.trader_checks import check_ready
from bots.services.trader_specs import assign, resolve
from bots.services.traders import Traders

CONFIG = Path("bots/config")

FILE = """
[providers.openai]
kind = "openai"
base_url = "https://api.openai.com/v1"
api_key_env = "OPENAI_API_KEY"

[providers.own]
kind = "openai-compatible"
base_url_env = "OWN_URL"

[models."gpt-4o"]
provider = "openai"
model = "gpt-4o-2024-08-06"
temperature = 0.7

[mixed]
seats = ["gpt-4o", "hold", "own:m"]
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return load(FILE, tmp_path)


def load(text: str, folder: Path) -> Catalogue:
    path = folder / "models.toml"
    path.write_text(text)
    return load_catalogue(path)


def test_shipped_catalogue_is_valid_and_has_the_names_researchers_use() -> None:
    shipped = load_catalogue(CONFIG / "models.toml")
    assert {"gpt-4o", "gpt-3.5", "gpt-4.1", "gpt-5", "mistral-large", "local"} <= set(shipped.models)
    assert {"openai", "anthropic", "mistral", "google", "xai"} <= {
        entry.provider for entry in shipped.models.values()
    }
    assert len(assign("mixed", 24, 1, shipped)) == 24


def test_every_setting_the_catalogue_names_stands_in_the_example_environment() -> None:
    shipped = load_catalogue(CONFIG / "models.toml")
    example = re.findall(r"^([A-Z_]+)=$", (CONFIG / ".env.example").read_text(), re.MULTILINE)
    named = {provider.api_key_env for provider in shipped.providers.values()}
    named |= {provider.base_url_env for provider in shipped.providers.values()}
    assert named - {None} <= set(example)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ('kind = "openai"\n', 'kind = "open-ai"\n', r"table \[providers.openai\]: kind"),
        ("temperature = 0.7", "temprature = 0.7", r"table \[models.gpt-4o\]: temprature: is no setting"),
        ("temperature = 0.7", "temperature = 7", r"table \[models.gpt-4o\]: temperature"),
        ("temperature = 0.7", "price = { input = 2.5, output = 1 }", "in quotes"),
        ('provider = "openai"', 'provider = "opnai"', "there is no provider 'opnai'"),
        ('base_url_env = "OWN_URL"', "", r"table \[providers.own\]: base_url is missing"),
        ("seats = [", "counts = [", r"table \[mixed.mixed\]"),
        ('seats = ["gpt-4o", "hold", "own:m"]', 'counts = "4 by gpt-4o"', "is no count"),
        ("[mixed]", "[mixed", "is no TOML file"),
    ],
)
def test_mistake_in_the_file_is_named_with_its_table_and_key(
    was: str, now: str, words: str, tmp_path: Path
) -> None:
    assert was in FILE
    with pytest.raises(UserMustMend, match=words) as error:
        load(FILE.replace(was, now), tmp_path)
    assert "models.toml" in error.value.where
    assert error.value.mend


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match="cannot be read"):
        load_catalogue(tmp_path / "none.toml")


def test_names_resolve_to_strategies_listed_models_and_unlisted_ones(catalogue: Catalogue) -> None:
    assert resolve("fundamentalist", catalogue).name == "fundamentalist"
    assert resolve("gpt-4o", catalogue).name == "openai:gpt-4o-2024-08-06"
    assert resolve("gpt-4o", catalogue).parameters["temperature"] == 0.7
    assert resolve("openai:gpt-next:free", catalogue).name == "openai:gpt-next:free"


@pytest.mark.parametrize(
    ("asked", "near"), [("gpt4o", "gpt-4o"), ("fundamental", "fundamentalist"), ("mixt", "mixed")]
)
def test_unknown_name_is_answered_with_the_nearest(asked: str, near: str, catalogue: Catalogue) -> None:
    with pytest.raises(UserMustMend, match=f"Did you mean .*{near}"):
        resolve(asked, catalogue)


def test_missing_key_is_named_with_its_file_and_only_where_it_is_needed(catalogue: Catalogue) -> None:
    specs = assign("2 x gpt-4o, hold", 3, 1, catalogue)
    with pytest.raises(UserMustMend, match=r"bots/config/\.env: OPENAI_API_KEY is not set"):
        check_ready(specs, catalogue, {"OPENAI_API_KEY": "  "})
    check_ready(specs, catalogue, {"OPENAI_API_KEY": "sk-1"})
    check_ready(assign("hold", 2, 1, catalogue), catalogue, {})


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "OWN_URL is not set"),
        ({"OWN_URL": "ftp://x"}, "no http or https"),
        ({"OWN_URL": "https://me:sesame@own.example/v1"}, "holds a user name, a password or a query"),
        ({"OWN_URL": "https://own.example/v1?key=sesame"}, "holds a user name, a password or a query"),
    ],
)
def test_address_of_an_own_server_is_checked(
    environment: dict[str, str], words: str, catalogue: Catalogue
) -> None:
    with pytest.raises(UserMustMend, match=words) as error:
        check_ready(assign("own:m", 1, 1, catalogue), catalogue, environment)
    assert "sesame" not in str(error.value)


def test_mixed_seats_are_taken_in_turn(catalogue: Catalogue) -> None:
    names = [spec.asked for spec in assign("mixed", 5, 1, catalogue)]
    assert names == ["gpt-4o", "hold", "own:m", "gpt-4o", "hold"]


def test_shuffled_seats_follow_the_seed(tmp_path: Path) -> None:
    catalogue = load(FILE + "shuffle = true\n", tmp_path)
    drawn = {tuple(spec.asked for spec in assign("mixed", 9, seed, catalogue)) for seed in range(5)}
    assert len(drawn) > 1
    assert {frozenset(Counter(names).items()) for names in drawn} == {
        frozenset({("gpt-4o", 3), ("hold", 3), ("own:m", 3)})
    }
    assert assign("mixed", 9, 3, catalogue) == assign("mixed", 9, 3, catalogue)


def test_counts_have_to_add_up(catalogue: Catalogue) -> None:
    with pytest.raises(UserMustMend, match="add up to 8 traders, the run has 7 seats"):
        assign("4 x gpt-4o, 4 x hold", 7, 1, catalogue)


@given(st.lists(st.tuples(st.integers(1, 99), st.sampled_from(["gpt-4o", "hold", "a:b"])), min_size=1))
def test_counts_give_as_many_names_as_they_say(parts: list[tuple[int, str]]) -> None:
    names = parse_counts(", ".join(f"{count} x {name}" for count, name in parts))
    assert list(names) == [name for count, name in parts for _ in range(count)]


async def test_every_strategy_and_the_scripted_model_can_be_built_without_a_key() -> None:
    shipped = load_catalogue(CONFIG / "models.toml")
    async with Traders(shipped, {}, SystemClock()) as traders:
        for name in [*STRATEGIES, "scripted"]:
            assert traders.build(resolve(name, shipped), 1).name == resolve(name, shipped).name
