"""A plan is checked to its last word before anything starts, and its hash changes where a result could."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.domain.errors import UserMustMend
from bots.domain.study import MOST_TRADERS, StudyPlan, counted_seats, derived_seed
from bots.services.study_plan import TEMPLATE, read_plan, seats_of
from bots.services.study_run import load_study
from tests.study.plans import SMALL, plan_file, study_of

ROOT = Path(__file__).resolve().parents[2]
HEAD = 'name = "x"\nrepetitions = 2\n'
TWO = HEAD + 'seats = "2 x hold"\n'
ELEVEN = "".join(f"\n[treatments.t{number}]" for number in range(11))


def test_the_plan_that_new_writes_can_be_run_as_it_stands() -> None:
    study = study_of(TEMPLATE)

    assert [*study.plan.treatments] == ["zero-intelligence", "fundamentalist", "disclosed"]
    assert len(study.cells) == 30


def test_the_plan_that_new_writes_names_every_setting() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")

    assert [name for name in StudyPlan.model_fields if name not in text] == []


@pytest.mark.parametrize("plan", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_can_be_run(plan: Path) -> None:
    assert study_of(plan).cells


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("a = [", "", "no TOML"),
        ("", "key name", "missing"),
        (HEAD + 'seat = "hold"', "key seat", "Did you mean seats"),
        (HEAD.replace("2", "2.5") + 'seats = "2 x hold"', "key repetitions", "was 2.5"),
        (HEAD.replace("2", "0") + 'seats = "2 x hold"', "key repetitions", "from 1"),
        (HEAD.replace("2", "100000") + 'seats = "2 x hold"' + ELEVEN, "", "at most 1000000"),
        (HEAD.replace("2", "true") + 'seats = "2 x hold"', "key repetitions", "was True"),
        (HEAD.replace('"x"', '"a/b"') + 'seats = "2 x hold"', "key name", "letters"),
        (HEAD, "[treatments.baseline], key seats", "missing"),
        (HEAD + 'seats = "hold"', "key traders", "missing"),
        (HEAD + 'seats = "hold"\ntraders = 1', "key traders", "from 2"),
        (HEAD + 'seats = "holdd"\ntraders = 3', "key seats", "Did you mean hold"),
        (HEAD + 'seats = "2 x hold"\ntraders = 3', "key seats", "counts 2 traders"),
        (HEAD + 'seats = "2 x hold, 3 xx"', "key seats", "no counts"),
        (HEAD + 'seats = "1 x hold, 0 x hold"', "key seats", "no counts"),
        (HEAD + 'seats = "9999 x hold"', "key seats", f"2 to {MOST_TRADERS}"),
        (HEAD + 'seats = "2 x nosuch:model"', "key seats", "nosuch"),
        (TWO + 'fallback = "gpt-4o"', "key fallback", "last-plan"),
        (TWO + "memory_window = -1", "key memory_window", '"all"'),
        (TWO + "timeout_minutes = 0", "key timeout_minutes", "above 0"),
        (TWO + "timeout_minutes = nan", "key timeout_minutes", "above 0"),
        (TWO + "shuffle = 1", "key shuffle", "true or false"),
        (TWO + "treatments = {}", "key treatments", "at least one"),
        (TWO + "[seeds]\ndividend = 1", "[seeds], key dividend", "Did you mean dividends"),
        (TWO + "[seeds]\nsampling = -1", "[seeds], key sampling", "at least 0"),
        (TWO + "[limits]\nmax_cost_usd = 0.5", "[limits], key max_cost_usd", "in quotes"),
        (TWO + '[limits]\nmax_cost_usd = "much"', "[limits], key max_cost_usd", "amount"),
        (TWO + '[market]\npreset = "old"', "[market], key preset", "reference"),
        (TWO + "[market]\npaid_roundz = 3", "[market], key paid_roundz", "paid_rounds"),
        (TWO + "[market]\npaid_rounds = 0", "[market], key paid_rounds", "from 1"),
        (TWO + "[market]\ninterest_rate = 0.05", "[market], key interest_rate", "as text"),
        (TWO + "[market]\ntraders_per_market = 3", "[market], key traders_per_market", "traders"),
        (TWO + "[market]\ntrade_seconds = 3", "[market], key trade_seconds", "timed = true"),
        (TWO + 'prompt = "rhymed"', "key prompt", "isomorph"),
        (TWO + '[treatments.a]\nprompt = "rhymed"', "[treatments.a], key prompt", "'rhymed'"),
        (TWO + '[treatments.a]\npersona = "nobody"', "[treatments.a], key persona", "'nobody'"),
        (TWO + 'outcome_market = "second"', "key outcome_market", '"last"'),
        (HEAD + 'seats = "2 x hold, 1 x people"', "key seats", "no pages that people could come to"),
        (HEAD + 'seats = "people"\ntraders = 3', "key seats", 'place = "server"'),
        (TWO + "[treatments.a]\nmemry = 1", "[treatments.a], key memry", "memory_window"),
        (TWO + '[treatments.a]\nseats = "3 x no"', "[treatments.a], key seats", "'no'"),
        (TWO + '[treatments.a]\nseats = "2 x a, 3 xx"', "[treatments.a], key seats", "no counts"),
        (
            TWO + '[market]\npreset = "gode-sunder"\ninduced_values = "1, 2"',
            "key induced_values",
            "cannot be used with these",
        ),
        (TWO + '[treatments.a.market]\ntick = "0"', "[treatments.a.market], key tick", "above 0"),
        (TWO + '[treatments."a b"]', "key treatments", "'a b'"),
    ],
)
def test_what_must_be_mended_is_named_with_file_table_and_key(
    tmp_path: Path, text: str, where: str, said: str
) -> None:
    path = plan_file(tmp_path, text)

    with pytest.raises(UserMustMend) as caught:
        study_of(path)

    assert caught.value.where.startswith(str(path))
    assert caught.value.where.endswith(where)
    assert said in str(caught.value)
    assert caught.value.mend


def test_all_faults_of_a_plan_are_named_at_once(tmp_path: Path) -> None:
    path = plan_file(tmp_path, TWO + "shufle = true\n[seeds]\nsamplng = 1")

    with pytest.raises(UserMustMend, match=r"(?s)shufle.*samplng|samplng.*shufle"):
        study_of(path)


def test_a_plan_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match="bots study new"):
        read_plan(tmp_path / "none.toml")


def hash_of(folder: Path, text: str) -> str:
    return study_of(plan_file(folder, text)).hash


@pytest.mark.parametrize(
    "change",
    [
        "memory_window = 0",
        'fallback = "momentum"',
        "shuffle = false",
        "timed = true",
        "[seeds]\nsampling = 2",
        '[market]\nbuy_back = "10"',
        '[treatments.a]\nseats = "2 x momentum"',
    ],
)
def test_the_hash_changes_where_a_result_could(tmp_path: Path, change: str) -> None:
    assert hash_of(tmp_path, TWO + change) != hash_of(tmp_path, TWO)


@pytest.mark.parametrize(
    "change", ['notes = "for the record"', "timeout_minutes = 5", "[limits]\nmax_tokens = 9", "# a comment"]
)
def test_the_hash_stays_where_no_result_could_change(tmp_path: Path, change: str) -> None:
    assert hash_of(tmp_path, TWO + change) == hash_of(tmp_path, TWO)


def test_a_treatment_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    changes = '[treatments.a]\n[treatments.b.market]\nbuy_back = "9"'
    text = f"{TWO}memory_window = 3\n[market]\npaid_rounds = 7\n{changes}"
    plan = study_of(plan_file(tmp_path, text)).plan
    a, b = plan.settings("a"), plan.settings("b")

    assert (a.config["paid_rounds"], a.config["buy_back"]) == (7, "14")
    assert (b.config["paid_rounds"], b.config["buy_back"]) == (7, "9")
    assert (b.memory_window, b.traders) == (3, 2)


def test_traders_are_told_the_timers_there_are_and_no_others(tmp_path: Path) -> None:
    text = TWO + "[treatments.untimed]\n[treatments.timed]\ntimed = true\nmarket = { trade_seconds = 7 }"
    plan = study_of(plan_file(tmp_path, text)).plan

    assert plan.settings("untimed").parameters.trade_seconds is None
    assert plan.settings("timed").parameters.trade_seconds == 7
    assert plan.settings("timed").parameters.forecast_seconds == 30


def test_a_price_is_usual_where_something_trades_and_where_forecasts_alone_make_it(tmp_path: Path) -> None:
    text = TWO + '[treatments.traded]\n[treatments.forecast.market]\npreset = "ltf-positive"'
    plan = study_of(plan_file(tmp_path, text)).plan

    assert plan.settings("traded").usual_price == 14
    assert plan.settings("forecast").usual_price == 60


def test_each_seed_moves_its_own_randomness_alone(tmp_path: Path) -> None:
    def first(seeds: str) -> tuple[str, int, int]:
        cell = study_of(plan_file(tmp_path, SMALL + f"[seeds]\n{seeds}")).cells[0]
        return cell.dividend_seed, cell.seating_seed, cell.sampling_seed

    base = first("")
    for number, name in enumerate(("dividends", "seating", "sampling")):
        changed = first(f"{name} = 2")
        assert [a != b for a, b in zip(base, changed, strict=True)] == [at == number for at in range(3)]


def test_treatments_share_dividends_and_seating_but_not_draws(tmp_path: Path) -> None:
    alone, mixed, *_ = study_of(plan_file(tmp_path)).cells

    assert (alone.treatment, mixed.treatment) == ("alone", "mixed")
    assert (alone.dividend_seed, alone.seating_seed) == (mixed.dividend_seed, mixed.seating_seed)
    assert alone.sampling_seed != mixed.sampling_seed


def test_seats_are_shuffled_by_the_seating_seed_of_the_repetition(tmp_path: Path) -> None:
    text = HEAD.replace("2", "20") + 'seats = "2 x hold, 1 x momentum"\n'
    shuffled = study_of(plan_file(tmp_path, text))
    orders = {tuple(spec.name for spec in shuffled.seated(cell)) for cell in shuffled.cells}
    fixed = study_of(plan_file(tmp_path, text + "shuffle = false"))

    assert orders == {
        ("hold", "hold", "momentum"),
        ("hold", "momentum", "hold"),
        ("momentum", "hold", "hold"),
    }
    assert {tuple(spec.name for spec in fixed.seated(cell)) for cell in fixed.cells} == {
        ("hold", "hold", "momentum")
    }


def test_no_two_seats_of_a_study_have_the_same_seed(tmp_path: Path) -> None:
    study = study_of(plan_file(tmp_path, SMALL.replace("repetitions = 2", "repetitions = 50")))
    seeds = [seat.seed for cell in study.cells for seat in seats_of(cell, study.seated(cell))]

    assert len(set(seeds)) == len(seeds)


def test_another_model_takes_the_place_that_the_plan_leaves_and_makes_another_study(tmp_path: Path) -> None:
    text = SMALL.replace('seats = "zero-intelligence"', 'seats = "2 x {model}, 1 x hold"')
    path = plan_file(tmp_path, text)
    own, other = load_study(path), load_study(path, "gpt-4o")

    assert [spec.name for spec in sorted(own.seated(own.cells[0]), key=lambda spec: spec.name)] == [
        "hold",
        "zero-intelligence",
        "zero-intelligence",
    ]
    assert sum(spec.model is not None for spec in other.seated(other.cells[0])) == 2
    assert own.hash != other.hash
    assert other.words == f"{path} --model gpt-4o"
    with pytest.raises(UserMustMend, match="nobody-has-this-name"):
        load_study(path, "nobody-has-this-name")


@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from(["hold", "gpt-4o", "a:b"])), min_size=1))
def test_counts_are_added_up(parts: list[tuple[int, str]]) -> None:
    assert counted_seats(", ".join(f"{count} x {name}" for count, name in parts)) == sum(c for c, _ in parts)


@given(st.text(min_size=1), st.integers(0, 2**63 - 1), st.integers(1, 1000))
def test_a_derived_seed_is_a_seed_again(name: str, seed: int, repetition: int) -> None:
    assert 0 <= derived_seed(name, seed, repetition) < 2**63


@pytest.mark.parametrize(
    ("presets", "unit"),
    [
        (("demo",), "cash per share"),
        (("gode-sunder", "smith1962"), "cash per unit"),
        (("ltf-positive", "ltf-negative"), "cash"),
        (("demo", "gode-sunder"), "cash per share"),
        (("demo", "ltf-positive"), "cash per share"),
    ],
)
def test_measures_are_in_the_unit_of_what_all_markets_of_a_study_trade(
    tmp_path: Path, presets: tuple[str, ...], unit: str
) -> None:
    treatments = "".join(
        f'[treatments.t{number}.market]\npreset = "{preset}"\n' for number, preset in enumerate(presets)
    )
    study = study_of(plan_file(tmp_path, f'{HEAD}traders = 6\nseats = "hold"\n{treatments}'))

    assert study.unit_of("mean_price") == unit
