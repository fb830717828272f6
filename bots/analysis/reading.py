"""A run folder → a `PlayedRun`: its manifest, its journal, and oTree's tables where it has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from bots.analysis.collector import without_collector
from bots.analysis.otree_tables import read_otree_tables
from bots.analysis.played import PlayedRun, played
from bots.domain.errors import UserMustMend
from bots.domain.market import MarketRules
from bots.domain.records import EVENTS, Event, Journal, RunManifest, parse_journal

_A_PAGE = '"event":"page_seen"'
_SEAT = re.compile(r'"seat":(\d+)')
_RULES, _AFTER_RULES = '"market":{', ',"round":'
_HISTORY, _OWN = '"history":[', '],"own":['
_FORECASTS, _AFTER_FORECASTS = '],"forecasts":[', '],"result":'
_FRAMES, _AFTER_FRAMES, _NEWS, _OWN_TRADE = '"frames":[', '],"revision":', '"again":true', '"own_trades":[{'
_OF_THE_MOMENT = {"forecasts": (), "open_orders": (), "result": None}  # parts of a view no table is made of


def read_run(folder: Path) -> PlayedRun:
    """Read a run folder.

    Raises:
        UserMustMend: it is none, or its journal, manifest or oTree's tables cannot be read.
    """
    try:
        manifest = RunManifest.model_validate_json((folder / "manifest.json").read_bytes())
        with without_collector():
            journal = _read_journal(folder)
            otree = read_otree_tables(folder)
            return played(folder, manifest, journal.events, torn=journal.torn, otree=otree)
    except FileNotFoundError as error:
        raise UserMustMend(
            f"there is no {Path(error.filename).name}",
            where=str(folder),
            mend="Name a run folder such as bot-data/debug-runs/run-1.",
        ) from error
    except (OSError, ValueError) as error:
        raise UserMustMend(
            f"the run cannot be read ({str(error).splitlines()[0]})",
            where=str(folder),
            mend="Restore the journal and the manifest as the run wrote them.",
        ) from error


def _read_journal(folder: Path) -> Journal:
    text = (folder / "journal.jsonl").read_bytes().decode()
    return parse_journal(text, _ToldOnce().event)


class _ToldOnce:
    """Reads events; of a page only what no earlier page of the seat has told already.

    Pages repeat the session's rules and all finished rounds: read whole, they take time that grows with the
    square of rounds.
    """

    def __init__(self) -> None:
        self._told: dict[int, set[tuple[str, int, str, int]]] = {}
        self._before: dict[str, tuple[str, str]] = {}  # by seat: its finished rounds and its own, as text
        self._rules: dict[str, tuple[str, MarketRules]] = {}  # by seat: as text, and as read

    def event(self, line: str) -> Event:
        """Return a line's event.

        Raises:
            ValueError: it is none.
        """
        return EVENTS.validate_python(self._page(line)) if _A_PAGE in line else EVENTS.validate_json(line)

    def _page(self, line: str) -> Any:
        found = _SEAT.search(line)
        seat = found[1] if found else ""
        raw = from_json(_without_frames(line) if _NEWS in line else self._without_the_same(seat, line))
        view = raw.get("view")
        if view is None:
            return raw
        try:
            told, market = self._told.setdefault(raw["seat"], set()), (view["round"] or {}).get("market", 1)
            for part in ("history", "own"):
                fresh = [one for one in view[part] if (part, market, one["phase"], one["number"]) not in told]
                told.update((part, market, one["phase"], one["number"]) for one in fresh)
                view[part] = fresh
            view |= {"market": self._rules_of(seat, line, view["market"]), **_OF_THE_MOMENT}
        except (KeyError, TypeError, ValueError) as error:
            EVENTS.validate_json(line)  # says better what is wrong
            raise ValueError(str(error)) from error
        return raw

    def _without_the_same(self, seat: str, line: str) -> str:
        """Cut rules and finished rounds that the seat's page before has told; most pages repeat them.

        Quotes within a journal's texts are escaped, so that what is found is never part of one.
        """
        rules, history = _between(line, _RULES, _AFTER_RULES), line.find(_HISTORY)
        own = line.find(_OWN, history)
        end = line.find("]", own + len(_OWN))
        if not rules or history < 0 or own < 0 or end < 0:
            return line
        finished, mine = line[history + len(_HISTORY) : own], line[own + len(_OWN) : end]
        before = self._before.get(seat, ("", ""))
        self._before[seat] = finished, mine
        known = seat in self._rules and self._rules[seat][0] == rules
        start = line.index(_RULES)
        return "".join(
            (
                line[:start] + '"market":{}' if known else line[: start + len(_RULES) + len(rules)],
                line[start + len(_RULES) + len(rules) : history + len(_HISTORY)],
                _since(before[0], finished),
                _OWN,
                _since(before[1], mine),
                _emptied(line[end:], _FORECASTS, _AFTER_FORECASTS),
            )
        )

    def _rules_of(self, seat: str, line: str, raw: Any) -> MarketRules:
        text = _between(line, _RULES, _AFTER_RULES)
        before = self._rules.get(seat)
        if before is None or before[0] != text:
            before = self._rules[seat] = (text, MarketRules.model_validate(raw))
        return before[1]


def _without_frames(line: str) -> str:
    """Return news without its frames, where they tell of no trade of the seat's own."""
    return line if _OWN_TRADE in line else _emptied(line, _FRAMES, _AFTER_FRAMES)


def _between(line: str, start: str, end: str) -> str:
    """Return what stands between the first `start` and the first `end` after it; empty where they do not."""
    first = line.find(start)
    last = line.find(end, first)
    return line[first + len(start) : last] if first >= 0 and last >= 0 else ""


def _emptied(line: str, start: str, end: str) -> str:
    """Return the line without what stands between."""
    first = line.find(start)
    last = line.rfind(end, first)
    return line[: first + len(start)] + line[last:] if first >= 0 and last >= 0 else line


def _since(before: str, now: str) -> str:
    """Return the items of a list, as text, without those that it began with before."""
    return now[len(before) :].removeprefix(",") if before and now.startswith(before) else now
