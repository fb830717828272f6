"""Brings what a run's journal cannot tell: what people beside its bots did, from oTree's own tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

from bots.adapters.links import read_links_file
from bots.adapters.otree_server import OTreeRest, Table
from bots.adapters.run_folder import read_manifest, replace_file
from bots.analysis.otree_tables import FOLDER, NEEDED, OF_EVERYBODY, TABLES_OF, check_columns
from bots.analysis.reading import read_run
from bots.domain.errors import UserMustMend
from bots.domain.records import RunManifest
from bots.services.room import Room
from bots.services.runner import credentials_of

Tables = Mapping[str, Table]

_SESSION = re.compile(r"/SessionStartLinks/(\w+)/?\Z", re.ASCII)


async def bring_people(run: Path, room: Room, *, source: Path | None = None) -> int:
    """Do what `bots people` does; return the exit code.

    Args:
        source: folder of the three tables, as saved from oTree's Data page; None asks the run's server.

    Raises:
        UserMustMend: the run played no market, the server or the folder does not have its tables.
    """
    manifest, institution = read_manifest(run), _institution(run)
    tables = _saved(source, institution) if source else await _from_server(run, room, institution)
    kept = _of_the_run(tables, institution, manifest, str(source or manifest.url))
    (run / FOLDER).mkdir(exist_ok=True)
    for name, rows in kept.items():
        replace_file(run / FOLDER / f"{name}.csv", _as_csv(name, rows))
    everybody = kept[OF_EVERYBODY.get(institution, "traders")]
    people = len({row["participant"] for row in everybody} - _bots(manifest))
    who = "1 person" if people == 1 else f"{people} people"
    room.say(f"{who} beside {manifest.bots} bots: oTree's tables are kept in {run / FOLDER}")
    return 0


async def keep_people(run: Path, room: Room) -> None:
    """Bring the tables at the end of a run in which people took part; where that fails, say what to do."""
    manifest, rules = read_manifest(run), read_run(run).rules
    if manifest.subjects <= manifest.bots or rules is None or rules.institution not in TABLES_OF:
        return
    try:
        await bring_people(run, room)
        room.say(f"If they still play, bring the rest later: bots people {run}; bots report {run}")
    except UserMustMend as error:
        room.say(f"What people did is not brought yet: {error.what} ({error.where}). {error.mend}")
        room.say(f"Then: bots people {run}; bots report {run}")


def _institution(run: Path) -> str:
    """Return the institution of the run's market.

    Raises:
        UserMustMend: there is none, or its app has no tables of traders.
    """
    rules = read_run(run).rules
    if rules is None or rules.institution not in TABLES_OF:
        raise UserMustMend(
            "no bot of this run saw a page of the shipped market",
            where=str(run),
            mend="Bring people's tables for runs of the shipped market only.",
        )
    return rules.institution


async def _from_server(run: Path, room: Room, institution: str) -> Tables:
    links = read_links_file(run / "bot-links.cfg")
    rest = OTreeRest(links.server, credentials_of(room.environment).rest_key)
    named = _SESSION.search(read_manifest(run).url)
    session = named[1] if named else None  # a links file does not name it
    return {
        name: await rest.export_app_custom(institution, session, function=f"custom_export_{name}")
        for name in TABLES_OF[institution]
    }


def _saved(folder: Path, institution: str) -> Tables:
    return {name: _read(folder / f"{name}.csv") for name in TABLES_OF[institution]}


def _read(path: Path) -> Table:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserMustMend(
            f"it cannot be read ({error})",
            where=str(path),
            mend=f"Save the export custom_export_{path.stem} of oTree's Data page there.",
        ) from error


def _of_the_run(tables: Tables, institution: str, manifest: RunManifest, where: str) -> Tables:
    """Return the rows of the run's session alone: the server may have others.

    Raises:
        UserMustMend: the run's bots are in none of them.
    """
    for name, rows in tables.items():
        if rows:
            check_columns(name, ("session", *rows[0]), where)
    bots = _bots(manifest)
    everybody = tables[OF_EVERYBODY.get(institution, "traders")]
    sessions = {row["session"] for row in everybody if row["participant"] in bots}
    if not sessions:
        raise UserMustMend(
            "no finished round of this run's bots stands in oTree's tables",
            where=where,
            mend="Wait until a round is over, or name the server's tables of the session of this run.",
        )
    return {name: [row for row in rows if row["session"] in sessions] for name, rows in tables.items()}


def _bots(manifest: RunManifest) -> set[str]:
    return {seat.participant for seat in manifest.seats}


def _as_csv(name: str, rows: Table) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]) if rows else NEEDED[name], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
