"""Writes the reference pages from the code: `docs/reference/*.md`, made anew by `make docs`."""

from __future__ import annotations

import ast
import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any, get_args

from pydantic import BaseModel

import bots
from bots.adapters.in_process import InProcessMarket
from bots.adapters.models.catalogue import load_catalogue
from bots.agents.fallbacks import FALLBACKS
from bots.agents.strategies import STRATEGIES
from bots.analysis import measures
from bots.analysis.codebook import codebook_markdown
from bots.analysis.runs import Run
from bots.domain import errors as domain_errors
from bots.domain import market, ports, records
from bots.domain.errors import FailureKind
from bots.services.cli import app
from bots.services.terminal import with_manner
from markets.config import CONTINUOUS, SURROUNDINGS
from markets.forecasting_parameters import FORECASTING_PRESETS, LTF_POSITIVE
from markets.presets import PRESETS, REFERENCE, UNCERTAIN

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CONFIG = ROOT / "bots" / "config"


def cell(text: object) -> str:
    """Return a text as a cell of a Markdown table holds it."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def table(*header: str, rows: Iterator[tuple[object, ...]]) -> str:
    """Return a Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines) + "\n"


def block(path: Path, language: str) -> str:
    """Return a file as a code block."""
    return f"```{language}\n{path.read_text(encoding='utf-8').rstrip()}\n```\n"


# --- commands


def verbs() -> Iterator[tuple[str, Any]]:
    """Yield each verb of the console script, `study run` as one, with its command."""
    for name, command in with_manner(app).commands.items():
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        else:
            yield from ((f"{name} {each}", one) for each, one in inner.items())


def commands() -> str:
    """Every verb with its arguments and options."""
    parts = [
        "# Commands\n",
        "`python -m bots.main` is `bots run`. Exit codes: 0 done · 2 something has to be mended first · 3 "
        "some seats or markets failed · 4 timed out · 5 a replay differs · 6 all decisions of a trader "
        "failed · 130 interrupted. Every verb takes `--plain`, `--quiet` and `--verbose` too.\n",
    ]
    everywhere = {"--plain", "--quiet", "--verbose", "--help"}
    for name, command in verbs():
        parts += [f"## bots {name}\n", inspect.cleandoc(command.help or "") + "\n"]
        rows = [_parameter(one) for one in command.params if not everywhere & set(one.opts)]
        if rows:
            parts.append(table("argument", "meaning", "default", rows=iter(rows)))
    return "\n".join(parts)


def _parameter(one: Any) -> tuple[str, str, str]:
    names = (
        ", ".join((*one.opts, *one.secondary_opts))
        if one.param_type_name == "option"
        else one.metavar or one.name
    )
    default = (
        one.default if isinstance(one.default, str | int | float | Path) and one.default is not False else ""
    )
    default = "" if one.required or default is True else getattr(default, "value", default)
    about, told, told_default = (one.help or "").partition("  [default: ")
    return (
        f"`{names}`",
        about,
        told_default.rstrip("]") if told else (f"`{default}`" if default != "" else ""),
    )


# --- configuration


def configuration() -> str:
    """The files of a folder, and the names a run may be given."""
    catalogue = load_catalogue(CONFIG / "models.toml")
    models = ((f"`{name}`", f"`{entry.provider}:{entry.model}`") for name, entry in catalogue.models.items())
    strategies = ((f"`{name}`", _first_line(each)) for name, each in STRATEGIES.items())
    return "\n".join(
        [
            "# Configuration\n",
            "`bots init` writes these files into a folder. A command looks in the folder it runs in, then in "
            "`bots/config/` of the package; settings of the process's environment go before both.\n",
            "## .env\n",
            block(CONFIG / ".env.example", "sh"),
            "## models.toml\n",
            table("name", "stands for", rows=models),
            block(CONFIG / "models.toml", "toml"),
            "## Strategies\n",
            table("name", "what it does", rows=strategies),
            f"Who may act where a decision fails: {', '.join(f'`{name}`' for name in sorted(FALLBACKS))}.\n",
            "## study.toml\n",
            block(CONFIG / "study.toml.example", "toml"),
            "## bot-links.cfg\n",
            block(CONFIG / "bot-links.cfg.example", "sh"),
        ]
    )


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or inspect.getdoc(thing.make) or "").split("\n\n")[0]


# --- session configs


def session_config() -> str:
    """Every key of a session's config, and where the presets differ."""
    known = {**REFERENCE, **SURROUNDINGS, **CONTINUOUS}
    keys = [*known, *(key for preset in PRESETS.values() for key in preset if key not in known)]
    parts = [
        "# Session configs\n",
        "Keys of oTree's session config, of `[market]` in a plan, and of the presets in "
        "`markets/presets.py`. What each means stands in [The oTree project](../project/otree.md).\n",
        "## Keys\n",
        table(
            "key",
            "in `reference`",
            rows=((f"`{key}`", _shown(known.get(key, "–"))) for key in dict.fromkeys(keys)),
        ),
        "## Presets\n",
    ]
    for name, preset in PRESETS.items():
        differs = {key: value for key, value in preset.items() if known.get(key) != value}
        parts.append(f"### {name}\n")
        if differs:
            rows = ((f"`{key}`", _shown(value)) for key, value in differs.items())
            parts.append(table("differs in", "value", rows=rows))
        if uncertain := sorted(UNCERTAIN[name]):
            parts.append(f"Not settled by its source: {', '.join(f'`{key}`' for key in uncertain)}.\n")
    parts.append("## Learning to forecast\n")
    rows = ((f"`{key}`", _shown(value)) for key, value in LTF_POSITIVE.items())
    parts.append(table("key", "in `ltf-positive`", rows=rows))
    for name, preset in FORECASTING_PRESETS.items():
        differs = {key: value for key, value in preset.items() if LTF_POSITIVE.get(key) != value}
        if differs:
            told = ", ".join(f"`{key}` {_shown(value)}" for key, value in differs.items())
            parts.append(f"`{name}` differs in {told}.\n")
    return "\n".join(parts)


def _shown(value: object) -> str:
    return f"`{value!r}`" if isinstance(value, str) else f"`{value}`"


# --- records


def events() -> str:
    """Every event of the journal and the manifest, field by field."""
    kinds = get_args(get_args(records.Event)[0])
    parts = [
        "# Journal and manifest\n",
        f"Version {records.JOURNAL_VERSION}. One event a line of `journal.jsonl`; every event has `at`, and "
        "those of one trader have `seat`. Amounts are decimal texts. [What a run keeps](../records.md) says "
        "when each is written.\n",
    ]
    for kind in kinds:
        parts += [f"## {kind.model_fields['event'].default}\n", _model(kind, skip={"event"})]
    parts.append("## manifest.json\n")
    for model in (records.RunManifest, records.SeatRecord, records.ModelUse, records.Usage):
        parts += [f"### {model.__name__}\n", _model(model)]
    return "\n".join(parts)


def _model(model: type[BaseModel], skip: frozenset[str] | set[str] = frozenset()) -> str:
    about, remarks = inspect.cleandoc(model.__doc__ or ""), _remarks(model)
    rows = (
        (f"`{name}`", f"`{_type(field.annotation)}`", remarks.get(name, ""))
        for name, field in model.model_fields.items()
        if name not in skip
    )
    summary, _, attributes = (about or "").partition("\n\nAttributes:\n")
    told = dict(re.findall(r"^\s+(\w+): (.*)$", attributes, flags=re.M))
    remarks.update({name: text for name, text in told.items() if name not in remarks})
    return (f"{summary}\n\n" if summary else "") + table("field", "type", "meaning", rows=rows)


def _remarks(model: type[BaseModel]) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            found |= dict(re.findall(r"^    (\w+): [^#\n]*#\s*(.*)$", inspect.getsource(kind), flags=re.M))
    return found


def _type(annotation: Any) -> str:
    text = (
        annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    )
    return re.sub(r"(?:\w+\.)+(\w+)", r"\1", text)


# --- errors


@dataclass(frozen=True, slots=True)
class Mendable:
    """One error that the user mends; … stands for what only the moment knows."""

    place: str
    what: str
    where: str
    mend: str


def mendable() -> Iterator[Mendable]:
    """Yield every `UserMustMend` that the code of `bots` raises."""
    for path in sorted((ROOT / "bots").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "UserMustMend" and node.args:
                given = {keyword.arg: _text(keyword.value) for keyword in node.keywords}
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield Mendable(place, _text(node.args[0]), given.get("where", "…"), given.get("mend", "…"))


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_text, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case ast.IfExp(body=body):
            return _text(body)
        case _:
            return "…"


_WHAT_FAILURES_ARE: Mapping[FailureKind, str] = {
    FailureKind.TIMEOUT: "the page's deadline came first",
    FailureKind.UNAVAILABLE: "network, overload, server errors, a rate limit past the deadline",
    FailureKind.REJECTED: "key, model, parameter or account refused by the provider",
    FailureKind.REFUSAL: "the model, or its provider's filter, declined",
    FailureKind.BAD_REPLY: "no valid decision, even after asking again",
    FailureKind.OVER_BUDGET: "a limit of the run was reached",
    FailureKind.PAUSED: "whoever watches the run paused the trader",
}


def errors() -> str:
    """Every error that is the user's to mend, and how; and how a decision fails."""
    rows = sorted({(one.what, one.where, one.mend) for one in mendable()})
    failures = ((f"`{kind.value}`", _WHAT_FAILURES_ARE[kind]) for kind in FailureKind)
    return "\n".join(
        [
            "# Errors\n",
            "An error reads `Error: WHERE: WHAT. HOW TO MEND IT` and ends the command with exit code 2, "
            "before anything is started or written. … stands for what only the moment knows.\n",
            table("what", "where", "how to mend it", rows=iter(rows)),
            "## Decisions that fail\n",
            "They end no run: the declared fallback acts, and the journal says so.\n",
            table("kind", "what happened", rows=failures),
        ]
    )


# --- Python


def _own(module: ModuleType) -> tuple[Any, ...]:
    """Return what a module defines for others, in its order."""
    return tuple(
        each
        for name, each in vars(module).items()
        if not name.startswith("_") and getattr(each, "__module__", "") == module.__name__ and each.__doc__
    )


PUBLIC: Mapping[str, tuple[Any, ...]] = {
    "Runs as tables": (bots.open_run, Run),
    "Measures": (*_own(measures), *(one.of for one in measures.MEASURES.values())),
    "Ports": _own(ports),
    "What a trader sees and does": (market.MarketView, market.Decision, market.OrderIntent),
    "A market in process": (InProcessMarket,),
    "Errors": _own(domain_errors),
}


def python() -> str:
    """What a script of one's own may use: signatures and docstrings."""
    parts = ["# Python\n"]
    for title, things in PUBLIC.items():
        parts.append(f"## {title}\n")
        for thing in things:
            parts.append(_described(thing, thing.__name__, "###"))
    return "\n".join(parts)


def _described(thing: Any, name: str, level: str) -> str:
    parts = [f"{level} {name}\n", f"```python\n{_signature(thing, name)}\n```\n", _docstring(thing)]
    if inspect.isclass(thing):
        for member, each in vars(thing).items():
            told = each.fget if isinstance(each, property) else getattr(each, "func", each)
            if not member.startswith("_") and callable(told) and inspect.getdoc(told):
                kind = "" if inspect.isfunction(each) else ": property"
                first = (inspect.getdoc(told) or "").splitlines()[0]
                parts.append(f"- `{member}`{kind} – {first}")
        parts.append("")
    return "\n".join(parts)


def _signature(thing: Any, name: str) -> str:
    kind = "class" if inspect.isclass(thing) else "async def" if inspect.iscoroutinefunction(thing) else "def"
    module = f"{thing.__module__}." if thing is not bots.open_run else "bots."
    try:
        signature = (
            str(inspect.signature(thing)) if kind != "class" or not issubclass(thing, BaseModel) else ""
        )
    except ValueError:
        signature = ""
    if kind == "class" and signature in ("(*args, **kwargs)", "()"):
        signature = ""
    return f"{kind} {module}{name}{signature}".replace("'", "")


_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Source):$", flags=re.M)


def _docstring(thing: Any) -> str:
    """Return a docstring as Markdown: its sections become lists, its drawings stay as they are."""
    text = inspect.cleandoc(thing.__doc__ or "")
    told, *sections = _SECTION.split(text)
    told = re.sub(
        r"((?:^    .*\n?)+)", lambda drawn: f"```text\n{dedent(drawn[0]).rstrip()}\n```\n", told, flags=re.M
    )
    parts = [told.strip() + "\n"]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        entries = re.split(r"^    (?=\S)", body, flags=re.M)[1:]
        parts.append(f"{title}:\n")
        parts += [f"- {_entry(entry)}" for entry in entries]
        parts.append("")
    return "\n".join(parts)


def _entry(text: str) -> str:
    name, colon, about = " ".join(text.split()).partition(": ")
    return f"`{name}`: {about}" if colon and " " not in name else " ".join(text.split())


PAGES: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "configuration": configuration,
    "session-config": session_config,
    "tables": codebook_markdown,
    "journal": events,
    "python": python,
    "errors": errors,
}


# --- pages that are files of the project

FILES: Mapping[str, str] = {
    "otree": "otree_project/README.md",
    "contributing": "CONTRIBUTING.md",
    "security": "SECURITY.md",
    "changelog": "CHANGELOG.md",
}


def file_page(name: str) -> str:
    """A file of the project as a page: links and pictures lead on, or are plain text."""
    path = ROOT / FILES[name]
    return linked_from(DOCS / "project", path.parent, path.read_text(encoding="utf-8"))


def linked_from(folder: Path, before: Path, text: str) -> str:
    """Return a page's text with its links, relative to `before`, led to pages as seen from `folder`."""
    pages = {(ROOT / file).resolve(): DOCS / "project" / f"{name}.md" for name, file in FILES.items()}

    def led(link: re.Match[str]) -> str:
        file, hash_, anchor = link[3].partition("#")
        target = (before / file).resolve()
        page = pages.get(target, target)
        if not page.is_relative_to(DOCS):
            return link[2]
        return f"{link[1]}[{link[2]}]({os.path.relpath(page, folder)}{hash_}{anchor})"

    return re.sub(r"(!?)\[([^\]]+)\]\(((?!\w+:|#)[^)]+)\)", led, text)


def write(folder: Path = DOCS) -> None:
    """Write every page whose text has changed, so that a build does again only what it must."""
    for name, make in PAGES.items():
        _write(folder / "reference" / f"{name}.md", make())
    for name in FILES:
        _write(folder / "project" / f"{name}.md", file_page(name))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
