"""An archive of runs that is fit for publication: `bots export --share RUN…`.

The journal is copied without what may name people or open their pages, and everything else in the archive is
made from that copy. What was left out stands in the archive, and is printed.
"""

from __future__ import annotations

import csv
import hashlib
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bots.adapters.run_folder import read_manifest
from bots.analysis.otree_tables import FOLDER, NEEDED
from bots.analysis.run_manifest import description
from bots.analysis.runs import export
from bots.domain.errors import UserMustMend
from bots.domain.records import (
    ActAnswered,
    ActSent,
    DecisionMade,
    DecisionNotMade,
    Event,
    ModelAsked,
    ModelReplied,
    PageSeen,
    RunDescribed,
    RunManifest,
    SeatEnded,
    parse_journal,
)
from bots.services.rebuild import rebuild

LEFT_OUT = "[left out]"
_SERVER = "otree.invalid"
_CODE = re.compile(r"/(?:InitializeParticipant|p)/(\w+)")
_CODED = ("session", "participant", "buyer", "seller")
"""Columns of oTree's tables that hold oTree's codes."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of files in the archive, so that the same runs give the same archive


@dataclass(slots=True)
class Shared:
    """What the archive does not hold, counted by what it was."""

    left_out: Counter[str] = field(default_factory=Counter)

    def text(self, originals: Mapping[str, str]) -> str:
        """Return the words that go with the archive; `originals` are the journals' sha256 by run."""
        lines = [f"- {what}: {count}" for what, count in sorted(self.left_out.items())]
        hashes = [f"- {run}: {digest}" for run, digest in originals.items()]
        return "\n".join(
            [
                "# What this archive left out",
                "",
                *(lines or ["- nothing"]),
                "",
                "Participants are named P1, P2 … in the order of their codes in oTree. The server's address,",
                "the command line and the notes on the run are not given. Prompts, replies, decisions and",
                "answers on pages of the market are as they were: read them before you publish them.",
                "Bots do not ask for participant labels or identifiers of Prolific; a page outside the",
                "market that shows one is left out with its text.",
                "",
                "The sha256 of each journal before:",
                "",
                *hashes,
                "",
            ]
        )


def share(folders: Sequence[Path], out: Path) -> Shared:
    """Write the archive.

    Args:
        folders: run folders.
        out: the zip file.

    Returns:
        What was left out.

    Raises:
        UserMustMend: a folder is no run, or its journal cannot be read or does not say what the run was.
    """
    shared, originals = Shared(), {}
    with tempfile.TemporaryDirectory(prefix="share-") as scratch:
        place = Path(scratch) / "runs"
        copies = []
        for folder in folders:
            name = folder.resolve().name
            if name in originals:
                raise UserMustMend(
                    f"two of the runs are named {name}",
                    where="RUN",
                    mend="Share them in archives of their own.",
                )
            copies.append(place / name)
            originals[name] = _copy(folder, place / name, shared)
        export(copies, Path(scratch) / "tables")
        (Path(scratch) / "LEFT-OUT.md").write_text(shared.text(originals), encoding="utf-8")
        _pack(Path(scratch), out)
    return shared


def _copy(folder: Path, copy: Path, shared: Shared) -> str:
    """Write a run without what is left out; return the sha256 of the journal as it was."""
    path = folder / "journal.jsonl"
    read_manifest(folder)
    try:
        raw = path.read_bytes()
        events = parse_journal(raw.decode()).events
    except (OSError, ValueError) as error:
        raise UserMustMend(
            f"the journal cannot be read ({error})", where=str(path), mend="Name an intact run folder."
        ) from error
    described = description(events)
    if described is None:
        raise UserMustMend(
            "it does not begin with what the run is", where=str(path), mend="Share its tables: bots export."
        )
    copy.mkdir(parents=True)
    names = _Names.of(folder, described)
    market = {
        event.decision for event in events if isinstance(event, DecisionMade) and event.content.move is None
    }
    kept = (_without(event, market, shared) for event in events)
    lines = (names.hidden(event.model_dump_json()) + "\n" for event in kept)
    (copy / "journal.jsonl").write_text("".join(lines), encoding="utf-8")
    for table in _tables_of(folder):
        (copy / FOLDER).mkdir(exist_ok=True)
        (copy / FOLDER / table.name).write_text(names.hidden(table.read_text("utf-8-sig")), encoding="utf-8")
    rebuild(copy)
    for leftover in (".lock", "bot-links.cfg"):
        (copy / leftover).unlink(missing_ok=True)
    shared.left_out["participant codes and links"] += len(names.pseudonyms)
    return hashlib.sha256(raw).hexdigest()


def _tables_of(folder: Path) -> Iterable[Path]:
    return (path for name in NEEDED if (path := folder / FOLDER / f"{name}.csv").exists())


@dataclass(frozen=True, slots=True)
class _Names:
    """What stands for participants and the server in the copy."""

    pseudonyms: Mapping[str, str]
    server: str

    @classmethod
    def of(cls, folder: Path, described: RunDescribed) -> _Names:
        codes = [seat.participant for seat in described.manifest.seats]
        codes += [match[1] for link in described.links.values() if (match := _CODE.search(link))]
        for table in _tables_of(folder):
            with table.open(encoding="utf-8-sig", newline="") as rows:
                codes += [row[column] for row in csv.DictReader(rows) for column in _CODED if column in row]
        ordered = {
            code: f"P{number}" for number, code in enumerate(sorted(set(filter(None, codes))), start=1)
        }
        return cls(ordered, urlsplit(described.manifest.url).netloc)

    def hidden(self, text: str) -> str:
        """Return a text in which no code and no address of the server stands."""
        if self.server:
            text = text.replace(self.server, _SERVER)
        text = text.replace(str(Path.home()), "~")
        if not self.pseudonyms:
            return text
        codes = "|".join(map(re.escape, self.pseudonyms))
        return re.sub(
            rf"(?<![A-Za-z0-9])(?:{codes})(?![A-Za-z0-9])", lambda found: self.pseudonyms[found[0]], text
        )


def _without(event: Event, market: set[str], shared: Shared) -> Event:  # noqa: PLR0911 - one a kind of event
    """Return an event as it may be published."""

    def changed(what: str, **update: Any) -> Event:
        shared.left_out[what] += 1
        return event.model_copy(update=update)

    match event:
        case RunDescribed():
            return event.model_copy(update={"links": {}, "manifest": _of_manifest(event.manifest)})
        case PageSeen(view=None) if event.text or event.form or event.errors:
            return changed("texts of pages outside the market", text=LEFT_OUT, form=None, errors=(), title="")
        case ModelAsked() if event.decision not in market:
            return changed("prompts of pages outside the market", prompt=LEFT_OUT)
        case ModelReplied(reply=str()) if event.decision not in market:
            return changed("replies on pages outside the market", reply=LEFT_OUT)
        case DecisionNotMade() if event.decision not in market:
            return changed("reasons of failures outside the market", reason=LEFT_OUT)
        case DecisionMade() if event.content.move is not None:
            return changed("answers on pages outside the market", content=type(event.content)())
        case ActSent(act="form", round=None) if event.content:
            return changed("forms sent on pages outside the market", content={})
        case ActAnswered(content=None) if event.words:
            return changed("words of the server on forms", words=(LEFT_OUT,))
        case SeatEnded() if event.reason:  # it may quote a page
            return changed("reasons why seats did not finish", reason=LEFT_OUT)
        case _:
            return event


def _of_manifest(manifest: RunManifest) -> RunManifest:
    kept = {"otree", "config"}
    options = {
        name: value for name, value in manifest.configuration.items() if name not in ("options", "proxy")
    }
    return manifest.model_copy(
        update={
            "url": LEFT_OUT,
            "notes": LEFT_OUT,
            "command": (LEFT_OUT,),
            "configuration": options,
            "server": {name: value for name, value in manifest.server.items() if name in kept},
        }
    )


def _pack(folder: Path, out: Path) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
