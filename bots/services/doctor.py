"""Before the run: is everything there that it will need, and if not, what to do about it. Spends nothing."""

from __future__ import annotations

import asyncio
import difflib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bots.adapters.models.catalogue import Catalogue, ModelEntry, load_catalogue
from bots.adapters.models.local import local_model_python
from bots.adapters.models.probe import Probe, probe
from bots.domain.errors import BotsError, UserMustMend
from bots.services.configuration import (
    CONFIG,
    LINKS,
    as_seen_from_here,
    models_file,
    readable_by_others,
    settings_file,
    settings_files,
)
from bots.services.provider_reach import Reach, reach
from bots.services.trader_checks import asks_shipped_model
from bots.services.trader_specs import TraderSpec, assign, resolve

_LITTLE_SPACE = 1_000_000_000  # bytes; a run of 24 traders with models takes some 30 MB
_NO_SPACE = 50_000_000


class Grade(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    MEND = "mend"


_STYLES = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.MEND: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it is, and what to do where it is not well."""

    what: str
    grade: Grade
    is_so: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """What to look at.

    Attributes:
        models: names as a run takes them; none looks at every provider whose key is set.
        url: an oTree session or server that has to answer; None looks at none.
        data: folder of all runs.
        browser: whether a browser is needed.
    """

    models: Sequence[str]
    url: str | None
    data: Path
    browser: bool


async def examine(visit: Visit, environment: Mapping[str, str], config: Path = CONFIG) -> Sequence[Finding]:
    """Make all checks, those that wait for others at once."""
    catalogue = load_catalogue(models_file(config))
    asked = list(_asked(visit, catalogue, environment))
    outside = [_provider(name, specs, catalogue, environment) for name, specs in asked]
    outside += [_browser()] if visit.browser else []
    outside += [_otree_server(visit.url, environment)] if visit.url else []
    found = [
        _settings(config),
        _names(config, catalogue),
        *_links(),
        *_no_models(asked, config),
        _otree_environment(environment),
        _disk(visit.data),
    ]
    for findings in await asyncio.gather(*outside):
        found += findings
    return found


def _settings(config: Path) -> Finding:
    files = settings_files(config)
    if not files:
        said = f"there is no {settings_file(config)}; keys come from the environment alone"
        return Finding("Settings", Grade.OK, said, "For a folder with settings of its own: bots init")
    if (path := readable_by_others(config)) is not None:
        mend = f"chmod 600 {path}"
        return Finding("Settings", Grade.WARNING, f"other users of this machine can read {path}", mend)
    named = " and ".join(str(as_seen_from_here(path)) for path in files)
    return Finding("Settings", Grade.OK, f"{named}, readable by you alone")


def _names(config: Path, catalogue: Catalogue) -> Finding:
    said = f"{len(catalogue.models)} names in {as_seen_from_here(models_file(config))}"
    return Finding("Models", Grade.OK, said)


def _no_models(asked: Sequence[tuple[str, Sequence[TraderSpec]]], config: Path) -> Sequence[Finding]:
    """Say what can be played where no provider was asked for."""
    if asked:
        return []
    mend = f"For models, put a provider's key into {settings_file(config)}; `bots init` asks for it."
    return [Finding("Providers", Grade.OK, "none is asked for; strategies and replays need no key", mend)]


def _links() -> Sequence[Finding]:
    """Look at the links of this folder, which need not be there."""
    from bots.adapters.links import read_links_file

    path = Path(LINKS)
    if not path.is_file():
        return []
    if not any(
        line.strip() and not line.startswith("#") for line in path.read_text("utf-8", "replace").splitlines()
    ):
        return [Finding("Links", Grade.OK, f"{path} holds none yet")]
    try:
        count = len(read_links_file(path).links)
    except UserMustMend as error:
        return [Finding("Links", Grade.MEND, f"{error.where}: {error.what}", error.mend)]
    return [Finding("Links", Grade.OK, f"{count} participant links in {path}")]


def _otree_environment(environment: Mapping[str, str]) -> Finding:
    from bots.adapters.otree_environment import otree_python
    from bots.services.demo import otree_python_of

    try:
        return Finding("oTree environment", Grade.OK, str(otree_python(otree_python_of(environment))))
    except UserMustMend as error:
        reason = f"{error.what}; needed by bots demo and bots serve alone"
        return Finding("oTree environment", Grade.WARNING, reason, error.mend)


def _disk(data: Path) -> Finding:
    there = next(folder for folder in (data.resolve(), *data.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    said = f"{free / 1e9:.1f} GB free for {data}"
    if free < _NO_SPACE:
        return Finding("Disk", Grade.MEND, said, "Free space, or name another place with --data-dir.")
    if not _writable(there):
        return Finding(
            "Disk", Grade.MEND, f"{there} cannot be written", "Make it writable, or use --data-dir."
        )
    if free < _LITTLE_SPACE:
        return Finding("Disk", Grade.WARNING, said, "Free some space before a long run.")
    return Finding("Disk", Grade.OK, said)


def _writable(folder: Path) -> bool:
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


async def _browser() -> Sequence[Finding]:
    from bots.adapters.browser import BrowserSettings, started_browser

    try:
        settings = BrowserSettings.find()
        async with started_browser(settings):
            return [Finding("Browser", Grade.OK, f"{settings.browser} starts, driven by {settings.driver}")]
    except UserMustMend as error:
        return [Finding("Browser", Grade.MEND, error.what, error.mend)]
    except (BotsError, OSError) as error:
        mend = "Try the browser by itself: chromium --headless --dump-dom about:blank"
        return [Finding("Browser", Grade.MEND, f"it does not start: {error}", mend)]


async def _otree_server(url: str, environment: Mapping[str, str]) -> Sequence[Finding]:
    from bots.adapters.links import read_links
    from bots.services.runner import credentials_of

    try:
        links = await read_links(url, credentials_of(environment))
    except UserMustMend as error:
        return [Finding("oTree server", Grade.MEND, f"{error.where}: {error.what}", error.mend)]
    return [Finding("oTree server", Grade.OK, f"{len(links.links)} participant links in {url}")]


def _asked(
    visit: Visit, catalogue: Catalogue, environment: Mapping[str, str]
) -> Iterable[tuple[str, Sequence[TraderSpec]]]:
    """Group what was asked for by provider; without names, every provider whose key is set."""
    if not visit.models:
        for name, provider in catalogue.providers.items():
            if provider.api_key_env and environment.get(provider.api_key_env, "").strip():
                yield name, ()
        return
    specs = {spec for name in visit.models for spec in _specs(name, catalogue)}
    by_provider: dict[str, list[TraderSpec]] = {}
    for spec in sorted(specs, key=lambda one: one.name):
        if spec.model is not None:
            by_provider.setdefault(spec.model.provider, []).append(spec)
    yield from by_provider.items()


def _specs(name: str, catalogue: Catalogue) -> Iterable[TraderSpec]:
    if name in catalogue.mixed:
        return [resolve(one, catalogue) for one in catalogue.mixed[name].names]
    if "," in name or " x " in name:
        from bots.adapters.models.catalogue import parse_counts

        return assign(name, len(parse_counts(name)), 1, catalogue)
    return [resolve(name, catalogue)]


async def _provider(
    name: str, specs: Sequence[TraderSpec], catalogue: Catalogue, environment: Mapping[str, str]
) -> Sequence[Finding]:
    entry = catalogue.providers[name]
    if any(asks_shipped_model(spec, catalogue, environment) for spec in specs):
        return [_local_model(environment)]
    if entry.kind == "scripted":
        return [Finding(f"Provider {name}", Grade.OK, "needs neither key nor network")]
    try:
        reached = reach(name, entry, environment)
    except UserMustMend as error:
        return [Finding(f"Provider {name}", Grade.MEND, error.what, error.mend)]
    if reached.key is None and entry.api_key_env and entry.key_required:
        mend = f"Add the line {entry.api_key_env}=your key to {settings_file()}."
        return [Finding(f"Provider {name}", Grade.MEND, f"{entry.api_key_env} is not set", mend)]
    answer = await probe(name, entry.kind, reached.base_url, reached.key, reached.proxy)
    there = _answered(name, entry.api_key_env, reached, answer)
    if there.grade is Grade.MEND:
        return [there]
    return [there, *(_model(spec, spec.model, answer) for spec in specs if spec.model is not None)]


def _local_model(environment: Mapping[str, str]) -> Finding:
    try:
        found = local_model_python(environment)
    except UserMustMend as error:
        return Finding("Local model", Grade.MEND, error.what, error.mend)
    return Finding("Local model", Grade.OK, f"SmolLM2-135M is installed beside {found}")


def _answered(name: str, setting: str | None, reached: Reach, answer: Probe) -> Finding:
    what = f"Provider {name}"
    if not answer.reached:
        mend = "Check the network, HTTPS_PROXY and the provider's base address, or start the server."
        return Finding(what, Grade.MEND, f"{reached.base_url} does not answer: {answer.words}", mend)
    if answer.key_accepted is False:
        mend = f"Renew {setting} in {settings_file()} at the provider's console."
        return Finding(what, Grade.MEND, f"the key is refused: {answer.words}", mend)
    if answer.words:
        mend = "The first request of a run will tell."
        return Finding(what, Grade.WARNING, f"answers, but the key cannot be checked: {answer.words}", mend)
    key = "accepts the key" if answer.key_accepted else "answers; no key is used"
    return Finding(what, Grade.OK, f"{reached.base_url} {key}")


def _model(spec: TraderSpec, entry: ModelEntry, answer: Probe) -> Finding:
    what = f"Model {spec.asked}"
    if answer.models is None:
        return Finding(what, Grade.OK, f"{spec.name}; the provider gives no list to look it up in")
    if entry.model in answer.models:
        return Finding(what, Grade.OK, f"{spec.name} is there")
    near = difflib.get_close_matches(entry.model, answer.models, n=3, cutoff=0.3)
    mend = f"It lists {', '.join(near)}. " if near else ""
    mend += "Name one of them as provider:model, or change the entry in models.toml."
    return Finding(what, Grade.MEND, f"{spec.name} is not among the provider's models", mend)


def show(console: Console, findings: Sequence[Finding]) -> None:
    """Print one line a check, and under it what to do."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in findings:
        said = f"{one.is_so}\n→ {one.mend}" if one.mend else one.is_so
        table.add_row(Text(one.grade.value, style=_STYLES[one.grade]), one.what, Text(said))
    console.print(table)


def say_plainly(findings: Sequence[Finding]) -> Iterable[str]:
    """Yield one line a check without colours or columns, fields separated by tabs."""
    for one in findings:
        yield "\t".join((one.grade.value, one.what, one.is_so, one.mend)).rstrip("\t")
