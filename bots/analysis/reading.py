"""A run folder → a `PlayedRun`: its manifest, its journal, and oTree's tables where it has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from bots.analysis.otree_tables import read_otree_tables
from bots.analysis.played import PlayedRun, played
from bots.domain.errors import UserMustMend
from bots.domain.market import MarketRules
from bots.domain.records import EVENTS, Event, Journal, RunManifest, parse_journal

_A_PAGE = '"event":"page_seen"'
_SEAT = re.compile(r'"seat":(\d+)')
_ROUNDS = re.compile(r'"history":\[.*?\],"own":\[[^\]]*\]')
_NO_ROUNDS = '"history":[],"own":[]'
_OF_THE_MOMENT = {"forecasts": (), "open_orders": (), "result": None}  # parts of a view no table is made of


def read_run(folder: Path) -> PlayedRun:
    """Read a run folder.

    Raises:
        UserMustMend: it is none, or its journal, manifest or oTree's tables cannot be read.
    """
    try:
        manifest = RunManifest.model_validate_json((folder / "manifest.json").read_bytes())
        journal = _read_journal(folder)
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
    return played(folder, manifest, journal.events, torn=journal.torn, otree=read_otree_tables(folder))


def _read_journal(folder: Path) -> Journal:
    text = (folder / "journal.jsonl").read_text(encoding="utf-8")
    return parse_journal(text, _ToldOnce().event)


class _ToldOnce:
    """Reads events; of a page only what no earlier page of the seat has told already.

    Pages repeat the session's rules and all finished rounds: read whole, they take time that grows with the
    square of rounds.
    """

    def __init__(self) -> None:
        self._told: dict[int, set[tuple[str, int, str, int]]] = {}
        self._before: dict[str, str] = {}  # by seat: its finished rounds, as text
        self._rules: dict[int, tuple[Any, MarketRules]] = {}  # by seat: as it stands there, and as read

    def event(self, line: str) -> Event:
        """Return a line's event.

        Raises:
            ValueError: it is none.
        """
        return EVENTS.validate_python(self._page(line)) if _A_PAGE in line else EVENTS.validate_json(line)

    def _page(self, line: str) -> Any:
        raw = from_json(self._without_the_same(line))
        view, seat = raw.get("view"), raw.get("seat")
        if view is None:
            return raw
        try:
            told, market = self._told.setdefault(seat, set()), (view["round"] or {}).get("market", 1)
            for part in ("history", "own"):
                fresh = [one for one in view[part] if (part, market, one["phase"], one["number"]) not in told]
                told.update((part, market, one["phase"], one["number"]) for one in fresh)
                view[part] = fresh
            view |= {"market": self._rules_of(seat, view["market"]), **_OF_THE_MOMENT}
        except (KeyError, TypeError, ValueError) as error:
            EVENTS.validate_json(line)  # says better what is wrong
            raise ValueError(str(error)) from error
        return raw

    def _without_the_same(self, line: str) -> str:
        """Cut finished rounds that are those of the seat's page before; most pages repeat them."""
        seat, rounds = _SEAT.search(line), _ROUNDS.search(line)
        if seat is None or rounds is None:
            return line
        if self._before.get(seat[1]) == rounds[0]:
            return line[: rounds.start()] + _NO_ROUNDS + line[rounds.end() :]
        self._before[seat[1]] = rounds[0]
        return line

    def _rules_of(self, seat: int, raw: Any) -> MarketRules:
        before = self._rules.get(seat)
        if before is None or before[0] != raw:
            before = self._rules[seat] = (raw, MarketRules.model_validate(raw))
        return before[1]
