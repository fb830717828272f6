"""`bots study register`: the document to pre-register, made of the plan alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from bots.adapters.models.prices import price_table_version
from bots.agents.prompts import texts_hash
from bots.analysis.inference import CONFIDENCE, RESAMPLES
from bots.analysis.measures import MEASURES
from bots.services.study_plan import Study
from bots.services.study_report import of_a_row
from bots.services.surroundings import git_state, package_versions


def registration(study: Study) -> str:
    """Return the document as Markdown: design, who trades, outcomes, tests, rules, hashes of all."""
    return "\n".join(_lines(study)) + "\n"


def _lines(study: Study) -> Iterator[str]:
    plan = study.plan
    yield f"# Pre-registration of the study {plan.name}\n"
    yield f"{plan.notes}\n" if plan.notes else "*What the study is for: add `notes` to the plan.*\n"
    yield "## Hypotheses\n"
    yield f"{plan.hypotheses}\n" if plan.hypotheses else "*None are stated: add `hypotheses` to the plan.*\n"
    yield from _design(study)
    yield from _traders(study)
    yield from _analysis(study)
    yield from _rules(study)
    yield from _record(study)


def _design(study: Study) -> Iterator[str]:
    plan = study.plan
    yield "## Design\n"
    yield (
        f"{len(plan.treatments)} treatments × {plan.repetitions} markets = {len(study.cells)} markets. "
        "The market is the unit of observation and of inference.\n"
    )
    yield "| treatment | traders | seats | memory window | timers | fallback | what differs from the plan |"
    yield "|---|---:|---|---|---|---|---|"
    for name, treatment in plan.treatments.items():
        settings = plan.settings(name)
        changed = treatment.model_dump(exclude_defaults=True, exclude={"market"}) | dict(treatment.market)
        told = ", ".join(f"{key} = {value}" for key, value in changed.items()) or "nothing"
        timers = "as for people" if settings.timed else "none"
        cells = (name, str(settings.traders), settings.seats, str(settings.memory_window), timers)
        yield "| " + " | ".join(map(_cell, (*cells, settings.fallback, told))) + " |"
    yield "\nThe market of each treatment, every parameter:\n"
    for name in plan.treatments:
        config = plan.settings(name).config
        yield f"* {name}: " + ", ".join(f"{key} = {value}" for key, value in config.items())
    seeds = plan.seeds
    yield (
        f"\nSeeds: dividends {seeds.dividends}, seating {seeds.seating}, sampling {seeds.sampling}. "
        "Repetition k has the same dividends and draws the same seats in every treatment. "
        "A seed does not make a model's replies repeat.\n"
    )


def _traders(study: Study) -> Iterator[str]:
    yield "## Models and strategies\n"
    seen: set[str] = set()
    for spec in study.traders:
        if spec.name not in seen:
            seen.add(spec.name)
            given = ", ".join(f"{key} = {value}" for key, value in spec.parameters.items())
            kind = "strategy of the literature" if spec.model is None else f"model; {given or 'defaults'}"
            kind = "people, each by a link of the session" if spec.is_person else kind
            yield f"* `{spec.name}`: {kind}"
    yield f"\nTexts of the prompts: hash `{texts_hash()}`; every prompt and reply is kept whole.\n"


def _analysis(study: Study) -> Iterator[str]:
    yield "## Outcomes and tests\n"
    for number, name in enumerate(study.plan.outcomes):
        described = MEASURES[name]
        source = f" ({described.source.rstrip('.')})" if described.source else ""
        kind = "primary" if number == 0 else "secondary"
        unit = study.unit_of(name) or "no unit"
        yield f"* {described.label}, {kind}: {described.formula}; {unit}{source}."
    yield (
        f"\nOver paid rounds. Each treatment: mean over markets with a {CONFIDENCE:.0%} percentile "
        f"bootstrap interval ({RESAMPLES} resamples of whole markets). Each pair of treatments: difference "
        "of means with its interval, Hedges' g, and a two-sided permutation test, exact up to 200,000 "
        "splits. p-values are adjusted by Holm over all pairs of one outcome; outcomes are not adjusted "
        "for each other.\n"
    )
    yield from (f"{told}\n" for told in of_a_row(study))


def _rules(study: Study) -> Iterator[str]:
    plan, rules, limits = study.plan, study.plan.rules, study.plan.limits
    yield "## Stopping, exclusion, budget\n"
    failed = rules.stop_after_failed
    yield f"* Markets: {plan.repetitions} of each treatment are played; there is no interim look at outcomes."
    yield (
        "* A market that fails is played anew with the same seeds, and one that is cut short is played on: "
        "models are not asked again for replies that are on record. Unfinished runs are kept and not used."
    )
    stopping = "none beyond the budget" if failed is None else f"after {failed} failed or undecided markets"
    yield f"* Stopping: {stopping}."
    yield "* Undecided markets, in which every decision of some trader failed, are " + (
        "left out, listed, and played anew with the same seeds."
        if rules.exclude_undecided
        else "used as they are."
    )
    share = rules.exclude_fallback_share
    yield "* Exclusion: " + (
        "no finished market is left out."
        if share is None
        else f"a market in which the declared fallback made more than {share} of decisions is left out."
    )
    money = "no limit of cost" if limits.max_cost_usd is None else f"{limits.max_cost_usd} USD"
    tokens = "no limit of tokens" if limits.max_tokens is None else f"{limits.max_tokens:,} tokens"
    yield f"* Budget: {money}, {tokens}; one market ends after {plan.timeout_minutes:g} minutes.\n"


def _record(study: Study) -> Iterator[str]:
    git = git_state()
    dirty = " with uncommitted changes" if git.get("dirty") else ""
    text = study.where.read_bytes()
    packages = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    yield "## What this document is of\n"
    yield (
        f"* Study `{study.folder_name}`; the hash is of all that decides what its markets do, and stands "
        "in every run."
    )
    yield f"* Plan `{study.where.name}`, SHA-256 `{hashlib.sha256(text).hexdigest()}`."
    yield f"* Code: commit {git.get('commit', 'not in a git repository')}{dirty}; {price_table_version()}."
    yield f"* Packages: {packages}."
    yield "\n```toml"
    yield text.decode("utf-8").rstrip()
    yield "```"


def _cell(text: str) -> str:
    return text.replace("|", "¦").replace("\n", " ")
