"""The tables of what transports cost are made from the results, and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.idle_bots import wait_spell
from benchmarks.process_tree import Load, Taken
from benchmarks.transports_table import BEGIN, END, tables, write_tables
from bots.domain.records import PageSeen, SeatEnded, SeatOutcome

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "transports.json"


def app_row(client: str, bots: int, **known: Any) -> dict[str, Any]:
    row = {
        "client": client, "bots": bots, "pages": 20 * bots, "finished": True, "start_seconds": 1.5,
        "pages_per_second": 12.0, "client_cpu_ms_page": 50.0, "browser_cpu_ms_page": 0.0,
        "memory_mb": 100.0, "memory_mb_bot": 100.0 / bots,
    }  # fmt: skip
    return row | known


def results() -> dict[str, Any]:
    market = {
        "transport": "http", "bots": 60, "model_seconds": 0.1, "orders": 0, "latency_ms_median": None,
        "latency_ms_p95": None, "missed_deadlines": 2, "finished": True, "memory_mb": 99.6,
        "cpu_seconds": 1.0,
    }  # fmt: skip
    return {
        "at": "2026-03-01T12:00:00+00:00", "machine": {"processors": 2}, "load_before": 0.2,
        "commit": {"commit": "0123456789abcdef"},
        "app": [
            app_row("ours, http", 1, client_cpu_ms_page=100.0, report_cpu_seconds=0.44),
            app_row("ours, http", 61, client_cpu_ms_page=6640 / 1220, memory_mb=106.0),
            app_row("ours, one Chromium, tabs", 8, browser_cpu_ms_page=100.0, memory_mb_bot=90.0),
            app_row("botex 0.2.0", 8, browser_cpu_ms_page=400.0, memory_mb_bot=360.0, finished=False),
        ],
        "market": [market],
    }  # fmt: skip


def test_what_one_more_participant_costs_is_told_from_two_sizes() -> None:
    made = tables(results())
    assert "takes 3.9 ms of client CPU a page and 0.10 MB (from 1 and 61 bots)" in made
    assert "0.25 of botex's browser CPU, and a bot 0.25 of its memory" in made
    assert "in its own process, is not in it and takes 0.4 s once" in made


def test_what_was_not_finished_or_not_measured_is_not_shown_as_a_figure() -> None:
    made = tables(results())
    assert "| botex 0.2.0 (not finished) | 8 |" in made
    assert "| http | 60 | 0.1 s | – | – | 2 | 100 MB |" in made


def test_what_waiting_bots_take_is_told_as_a_share_of_a_processor() -> None:
    rows = [
        {"transport": "http", "bots": 120, "waits_for": "its model", "seconds": 12.2,
         "client_cpu_ms_second": 3.6, "browser_cpu_ms_second": 0.0},
        {"transport": "browser", "bots": 24, "waits_for": "another participant", "seconds": None,
         "client_cpu_ms_second": None, "browser_cpu_ms_second": None},
    ]  # fmt: skip
    made = tables(results() | {"idle": rows})
    assert "| http | 120 | its model | 12 s | 0.4 % | 0.0 % |" in made
    assert "| browser | 24 | another participant | – | – | – |" in made
    assert "all wait for" not in tables(results())


def test_waiting_lasts_from_the_last_who_came_to_the_first_who_went_on() -> None:
    def seen(seat: int, second: int) -> PageSeen:
        return PageSeen(at=at(second), seat=seat, page="wait", kind="wait", location="/p/1")

    came = [seen(1, 0), seen(2, 5), seen(1, 20)]
    left = [SeatEnded(at=at(second), seat=1, outcome=SeatOutcome.FAILED) for second in (40, 50)]
    begin, end = at(8).timestamp(), at(40).timestamp()
    assert wait_spell([*came, *left], 2) == (begin, end)
    assert wait_spell([*came, *left], 3) is None
    assert wait_spell(came, 2) is None
    looks = [(begin - 1, 1.0, 1.0), (begin, 2.0, 4.0), (begin + 9, 3.0, 5.0), (begin + 10, 3.0, 6.0)]
    assert Taken(looks=looks).load(begin, end) == Load(seconds=10.0, client=0.1, browser=0.2)
    assert Taken(looks=looks).load(begin + 10, end) is None


def at(second: int) -> datetime:
    return datetime(2026, 3, 1, 12, 0, second, tzinfo=UTC)


def test_tables_stand_between_their_marks_and_nothing_else_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_tables(results(), page)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n\nMeasured 2026-03-01 on 2 processors")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    page.write_text("no place")
    with pytest.raises(ValueError, match="no place for the tables"):
        write_tables(results(), page)


def test_the_page_has_a_place_for_the_tables_and_shows_the_results_that_are_kept() -> None:
    text = (ROOT / "docs" / "browsers.md").read_text(encoding="utf-8")
    between = text.partition(BEGIN)[2].partition(END)[0]
    assert END in text
    kept = tables(json.loads(RESULTS.read_text(encoding="utf-8"))) if RESULTS.exists() else ""
    assert between.strip() == kept.strip()
