from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from bots.analysis.benchmark import HUMAN_MEAN_PATH
from bots.analysis.price_files import read_prices
from bots.domain.errors import UserMustMend
from bots.services.analysis_commands import register

GOOD = "market,period,price,volume,shares\nB,2,15,1,24\nB,1,14,0,24\n\nA,1,13,,\n"


def command() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return app


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "prices.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def printed(file: Path, *options: str) -> Any:
    outcome = CliRunner().invoke(command(), ["measures", str(file), "--json", *options])
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.output, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_markets_keep_their_order_and_periods_find_their_place(tmp_path: Path) -> None:
    panel = read_prices(written(tmp_path, GOOD), fundamental=14, reference=[1.0, 2.0, 3.0])
    assert panel.names == ("B", "A")
    np.testing.assert_array_equal(panel.prices, [[14, 15], [13, np.nan]])
    np.testing.assert_array_equal(panel.volumes, [[0, 1], [np.nan, np.nan]])
    np.testing.assert_array_equal(panel.shares, [24, np.nan])
    assert panel.reference.tolist() == [1.0, 2.0]


def test_the_reference_is_matched_by_period_number(tmp_path: Path) -> None:
    late = read_prices(written(tmp_path, "market,period,price\nA,3,1\nA,5,1\n"), reference=[1.0, 2, 3, 4])
    assert late.reference.tolist() == pytest.approx([3.0, 4.0, math.nan], nan_ok=True)
    early = read_prices(written(tmp_path, "market,period,price\nA,-1,1\nA,1,1\n"), reference=[7.0])
    assert early.reference.tolist() == pytest.approx([math.nan, math.nan, 7.0], nan_ok=True)


def test_a_fundamental_value_by_period_is_read_and_a_constant_one_goes_before_it(tmp_path: Path) -> None:
    file = written(tmp_path, "market,period,price,fundamental\nA,1,10,20\nA,2,10,10\n")
    assert read_prices(file).fundamentals.tolist() == [[20, 10]]
    assert read_prices(file, fundamental=5).fundamentals.tolist() == [[5, 5]]


def test_headers_may_be_in_any_order_with_other_columns_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = written(tmp_path, b"\xef\xbb\xbfprice, Period ,note,Market\r\n14.5,1,hello,A\r\n")
    assert read_prices(file).prices.tolist() == [[14.5]]


BAD = {
    "market,period,price\nA,1,14\n\nA,2,high\n": ("line 4, column price", "'high' is not a number"),
    "market,period,price\nA,1,14\nA,1.5,14\n": ("line 3, column period", "'1.5' is not a whole number"),
    "market,period,price\nA,,14\n": ("line 2, column period", "not a whole number"),
    "market,period,price\nA,1,14\nA,1,15\n": ("line 3, column period", "'A' has period 1 twice"),
    "market,period,price\n,1,14\n": ("line 2, column market", "no name"),
    "market,period,price\nA,1,inf\n": ("line 2, column price", "'inf' is not a number"),
    "market,period,price,volume\nA,1,14,-2\n": (
        "line 2, column volume",
        "'-2' is not a number of at least 0",
    ),
    "market,period,price,shares\nA,1,14,24\nA,2,14,25\n": ("line 3, column shares", "24 shares before"),
    "market,period,price\nA,1,14,5\n": ("line 2, column 4", "4 cells, the header 3"),
    "market,period,price\nA,1,14\nA,2\n": ("line 3, column 3", "2 cells, the header 3"),
    "market;period;price\nA;1;14\n": ("line 1, column market", "no such column"),
    "market,period,price,price\nA,1,1,2\n": ("line 1, column price", "twice"),
    "market,period,price\n": ("line 2", "no row"),
    "market,period,price\nA,1,1\nA,9999999,1\n": ("line 3, column period", "9999999 places"),
    "": ("line 1, column market", "nothing"),
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_is_told_by_line_and_column(tmp_path: Path, text: str) -> None:
    where, what = BAD[text]
    with pytest.raises(UserMustMend) as told:
        read_prices(written(tmp_path, text))
    assert told.value.where.startswith(str(tmp_path / "prices.csv"))
    assert where in told.value.where
    assert what in told.value.what


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match="No such file"):
        read_prices(tmp_path / "none.csv")
    with pytest.raises(UserMustMend, match="line 2: the text is not UTF-8"):
        read_prices(written(tmp_path, b"market,period,price\n\xff,1,2\n"))


def test_json_has_one_object_with_markets_and_what_is_pooled(tmp_path: Path) -> None:
    rows = "".join(f"human,{number},{price}\n" for number, price in enumerate(HUMAN_MEAN_PATH, start=1))
    file = written(tmp_path, f"market,period,price\n{rows}flat,1,14\nflat,2,14\n")
    told = printed(file, "--fundamental", "14", "--reference", "human")
    human, flat = told["markets"]
    assert (human["market"], human["periods"]) == ("human", 30)
    assert human["rad"] == pytest.approx(1.3165, abs=5e-5)
    assert human["pearson_reference"] == pytest.approx(1)
    assert human["turnover"] is None
    assert (flat["rad"], flat["haessel_r2"]) == (0, None)
    assert flat["undefined"]["haessel_r2"] == "the price does not move"
    pooled = told["pooled"]["rad"]
    assert pooled["mean"] == pytest.approx(human["rad"] / 2)
    assert pooled["low"] <= pooled["mean"] <= pooled["high"]
    assert pooled["markets"] == 2


def test_the_same_file_gives_the_same_json(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)
    assert printed(file) == printed(file)


def test_a_table_is_printed_and_names_in_the_file_are_no_markup(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD.replace("A,", "[red]A[/bold],"))
    outcome = CliRunner().invoke(
        command(), ["measures", str(file), "--fundamental", "14"], env={"COLUMNS": "200"}
    )
    assert outcome.exit_code == 0, outcome.output
    assert "[red]A[/bold]" in outcome.output
    assert "E[d]" in outcome.output


def test_a_measure_that_no_market_has_is_no_row_but_a_reason(tmp_path: Path) -> None:
    file = written(tmp_path, "market,period,price\na,1,14\na,2,15\n")
    outcome = CliRunner().invoke(command(), ["measures", str(file), "--fundamental", "14"])
    rows, _, reasons = outcome.output.partition("\n– ")
    assert "RAD " in rows
    assert "Turnover" not in rows
    assert "Turnover" in reasons
