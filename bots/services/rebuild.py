"""Makes every file of a run again from its journal: `bots rebuild RUN`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bots.adapters.links import ParticipantLink, SessionLinks, write_links_file
from bots.adapters.run_folder import append_metadata, has_metadata, run_locked, write_manifest, written_in
from bots.analysis.figures import price_and_volume
from bots.analysis.report import write_report
from bots.analysis.run_data import read_journal
from bots.analysis.run_manifest import description, manifest_of
from bots.analysis.runs import open_run
from bots.domain.errors import UserMustMend
from bots.domain.records import Event, Journal, RunDescribed


def rebuild(folder: Path) -> Sequence[Path]:
    """Write manifest, links, the line in `runs.metadata`, figure and report of a run anew.

    The journal itself is left as it is, a torn last line included.

    Returns:
        The files written.

    Raises:
        UserMustMend: the journal is missing, cannot be read, or does not say what the run was; the run is
            being played; or the folder cannot be written.
    """
    journal = _journal(folder)
    described = description(journal.events)
    if described is None:
        raise UserMustMend(
            "it does not begin with what the run is, so no manifest can be made of it",
            where=str(folder / "journal.jsonl"),
            mend="Tables can be made of it all the same if manifest.json is there: bots export.",
        )
    with run_locked(folder), written_in(folder):
        return [*_kept(folder, described, journal.events), *_drawn(folder)]


def _journal(folder: Path) -> Journal:
    try:
        return read_journal(folder)
    except (OSError, ValueError) as error:
        raise UserMustMend(
            f"the journal cannot be read ({error})",
            where=str(folder / "journal.jsonl"),
            mend="Name a run folder such as bot-data/debug-runs/run-1; a line that is wrong has to be "
            "restored from a copy.",
        ) from error


def _kept(folder: Path, described: RunDescribed, events: Sequence[Event]) -> Iterator[Path]:
    manifest = manifest_of(events)
    write_manifest(folder, manifest)
    yield folder / "manifest.json"
    links = tuple(ParticipantLink(number, "", url) for number, url in sorted(described.links.items()))
    if links:
        write_links_file(folder / "bot-links.cfg", SessionLinks(manifest.url, None, links))
        yield folder / "bot-links.cfg"
    if not has_metadata(folder.parent, manifest):
        append_metadata(folder.parent, manifest)
        yield folder.parent / "runs.metadata"


def _drawn(folder: Path) -> Iterator[Path]:
    run = open_run(folder)
    yield from price_and_volume(run.played, folder)
    yield from write_report([run], folder / "report.html")
