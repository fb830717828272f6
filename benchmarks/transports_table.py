"""The tables of docs/browsers.md, made from the results of bench_transports."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

BEGIN: Final = "<!-- made by make bench-transports -->"
END: Final = "<!-- end -->"


def write_tables(results: Mapping[str, Any], page: Path) -> None:
    """Put the tables between the two marks of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    put_between(page, BEGIN, tables(results))


def put_between(page: Path, begin: str, told: str) -> None:
    """Put what was measured between the mark of its command and the next end.

    Raises:
        ValueError: the page has no such marks.
    """
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page} has no place for the tables: {begin} … {END}")
    page.write_text(f"{before}{begin}\n\n{told}\n{END}{after}", encoding="utf-8")


def tables(results: Mapping[str, Any]) -> str:
    """Return all tables and what they were measured on."""
    machine = results["machine"]
    about = (
        f"Measured {results['at'][:10]} on {machine.get('processors', '?')} processors, load before "
        f"{results['load_before']:.1f}, commit {str(results['commit'].get('commit', ''))[:9]}."
    )
    about += (
        " Memory is what the command and all it has started take while pages are turned; the tables and the "
        "report that a run of ours makes at its end take more, once."
    )
    reports = [cpu for row in results["app"] if (cpu := row.get("report_cpu_seconds")) is not None]
    if reports:
        about += (
            " Client CPU a page is what a command takes from its start on, divided by its pages; the report "
            f"of ours, in its own process, is not in it and takes {statistics.median(reports):.1f} s once."
        )
    parts = [about, *_app(results["app"]), "", *_ratios(results["app"]), "", *_market(results["market"]), ""]
    if waiting := results.get("idle"):  # results of earlier versions have none
        parts += [*_idle(waiting), ""]
    return "\n".join([parts[0], "", *parts[1:]])


def _ratios(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what follows from the rows: the cost of one more participant, and our part of a peer's cost."""
    by_size = {row["bots"]: row for row in rows if row["client"] == "ours, http"}
    told = []
    if len(by_size) > 1:
        few, many = by_size[min(by_size)], by_size[max(by_size)]
        cpu = (_cpu(many) - _cpu(few)) / (many["pages"] - few["pages"])
        memory = (many["memory_mb"] - few["memory_mb"]) / (many["bots"] - few["bots"])
        told.append(
            f"Each further participant without a browser takes {cpu:.1f} ms of client CPU a page and "
            f"{memory:.2f} MB (from {few['bots']} and {many['bots']} bots)."
        )
    named = {row["client"].split(" 0.")[0]: row for row in rows if row["client"] != "ours, http"}
    tabs, botex = named.get("ours, one Chromium, tabs"), named.get("botex")
    if tabs and botex and botex["pages"]:
        cpu = tabs["browser_cpu_ms_page"] / botex["browser_cpu_ms_page"]
        memory = tabs["memory_mb_bot"] / botex["memory_mb_bot"]
        told.append(
            f"In tabs of one Chromium a page takes {cpu:.2f} of botex's browser CPU, "
            f"and a bot {memory:.2f} of its memory."
        )
    return told


def _cpu(row: Mapping[str, Any]) -> float:
    """Return a row's milliseconds of client CPU."""
    return float(row["client_cpu_ms_page"] * row["pages"])


def _app(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = [
        "| bench app | bots | pages/s | client CPU a page | browser CPU a page | memory a bot | first page |",
        "|---|---|---|---|---|---|---|",
    ]
    return head + [
        f"| {row['client']}{'' if row['finished'] else ' (not finished)'} | {row['bots']} "
        f"| {row['pages_per_second']:.1f} | {_ms(row['client_cpu_ms_page'])} "
        f"| {_ms(row['browser_cpu_ms_page'])} | {row['memory_mb_bot']:.1f} MB | {_seconds(row)} |"
        for row in rows
    ]


def _seconds(row: Mapping[str, Any]) -> str:
    return "–" if row["start_seconds"] is None else f"{row['start_seconds']:.1f} s"


def _market(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = [
        "| shipped market | bots | model | page ready → accepted, median | p95 | deadlines missed | memory |",
        "|---|---|---|---|---|---|---|",
    ]
    return head + [
        f"| {row['transport']} | {row['bots']} | {row['model_seconds']:g} s "
        f"| {_ms(row['latency_ms_median'])} | {_ms(row['latency_ms_p95'])} | {row['missed_deadlines']} "
        f"| {row['memory_mb']:.0f} MB |"
        for row in rows
    ]


def _idle(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = [
        "| shipped market | bots | all wait for | for | our CPU | the browser's |",
        "|---|---|---|---|---|---|",
    ]
    return head + [
        f"| {row['transport']} | {row['bots']} | {row['waits_for']} | {_whole_seconds(row['seconds'])} "
        f"| {_share(row['client_cpu_ms_second'])} | {_share(row['browser_cpu_ms_second'])} |"
        for row in rows
    ]


def _whole_seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} s"


def _share(ms_second: float | None) -> str:
    """Return milliseconds a second as a share of one processor."""
    return "–" if ms_second is None else f"{ms_second / 10:.1f} %"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g} ms" if value < 100 else f"{value:.0f} ms"
