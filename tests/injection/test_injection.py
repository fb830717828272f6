"""Hostile text in pages, chat and replies can at worst change one trader's decision."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from aiohttp import web
from rich.console import Console
from selectolax.lexbor import LexborHTMLParser

from bots.adapters.page_readers import Snapshot, read_page
from bots.adapters.run_folder import JournalWriter, metadata_line
from bots.adapters.web_driver import BrowserSettings, open_browser
from bots.agents.page_replies import page_schema, read_page_reply
from bots.agents.prompts import page_prompt
from bots.agents.prompts.pages import any_page_prompt
from bots.agents.replies import UnusableReply, read_reply
from bots.analysis.report import write_report
from bots.analysis.runs import export, open_run
from bots.domain.chat import Message, Reply
from bots.domain.errors import UnexpectedPage
from bots.domain.market import Decision
from bots.domain.pages import Button, Choice, Field, FieldKind, Form, Page, PageKind, SubmitForm
from bots.domain.ports import PageSituation, Remembered, Situation
from bots.domain.records import PageMissed, Usage, parse_journal
from bots.services.show_run import line
from tests.adapters.participants import soon
from tests.adapters.small_server import served
from tests.analysis import played_runs
from tests.injection.texts import TEXTS
from tests.manifests import NOW, manifest
from tests.market_pages import view

NAMES = [f"{number}: {text[:30]!r}" for number, text in enumerate(TEXTS, start=1)]
each_text = pytest.mark.parametrize("text", TEXTS, ids=NAMES)
_BLOCK = re.compile(r"<data>\n.*?\n</data>", re.DOTALL)


def outside_of_data(prompt: str) -> str:
    """Return what of a prompt speaks for us."""
    return _BLOCK.sub("[data]", prompt)


def page_with(text: str) -> Page:
    choices = (Choice("a", text), Choice("b", "B"))
    fields = (
        Field("age", FieldKind.INTEGER, text, help_text=text, errors=(text,)),
        Field("why", FieldKind.CHOICE, text, choices=choices),
    )
    return Page("v", PageKind.FORM, "/p/abc/survey/Age/1", title=text, text=text, form=Form(fields))


def prompts_with(text: str) -> list[str]:
    page = page_with(text)
    situation = PageSituation(1, "d", page, memory=(text,), refused=(text,))
    past = Remembered("paid", 1, text, text, text, orders=(text,), forecasts=(text,))
    return [
        any_page_prompt(situation),
        *(page_prompt(Situation(1, "d", view(name), (past,))) for name in ("trade", "forecast")),
    ]


@each_text
def test_text_stays_in_its_block_of_a_prompt(text: str) -> None:
    for hostile, harmless in zip(prompts_with(text), prompts_with("harmless"), strict=True):
        assert outside_of_data(hostile) == outside_of_data(harmless)
        assert hostile.count("</data>") == harmless.count("</data>")


@each_text
def test_names_of_fields_and_buttons_are_no_way_out_of_a_block(text: str) -> None:
    fields = (Field(text, FieldKind.TEXT, "Name"), Field("b", FieldKind.TEXT, "Other"))
    form = Form(fields, (Button(text), Button("Next")))
    page = Page("v", PageKind.FORM, "/p/abc/survey/Age/1", text="Hello", form=form)
    prompt = outside_of_data(any_page_prompt(PageSituation(1, "d", page, (), ())))

    assert len(prompt) < 3000
    assert text not in prompt or len(text) < 6
    json.dumps(page_schema(page))


@each_text
def test_reply_is_read_or_refused_in_words(text: str) -> None:
    page = page_with("Age")
    inside = json.dumps({"reasoning": text, "insight": text, "plan": text, "orders": []})
    for reply in (text, inside, f"```json\n{text}\n```", inside[:-1], inside + text):
        with contextlib.suppress(UnusableReply):
            assert isinstance(read_reply(reply, view("trade")), Decision)
        with contextlib.suppress(UnusableReply):
            assert isinstance(read_page_reply(reply, page), Decision)


@each_text
def test_page_that_holds_it_is_read_as_a_page(text: str) -> None:
    body = f'<h1>{text}</h1><form id="form" method="post"><input name="a"><p>{text}</p></form>'
    snapshot = Snapshot("v", "http://localhost/p/abc/survey/Age/1", f"<body>{body}</body>", 0.0)
    with contextlib.suppress(UnexpectedPage):
        page = read_page(snapshot)
        assert page.location == "/p/abc/survey/Age/1"
        assert page.market is None


@each_text
def test_journal_and_metadata_keep_it_on_one_line(text: str, tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "journal.jsonl") as journal:
        for _ in range(2):
            journal.append(PageMissed(at=NOW, seat=1, page=text, round=1, reason=text))
    raw = (tmp_path / "journal.jsonl").read_bytes()
    noted = manifest(notes=text)

    assert raw.count(b"\n") == 2
    assert len(parse_journal(raw.decode()).events) == 2
    assert len(metadata_line(noted).splitlines()) == 1


class Echo:
    """A model that says each hostile text in turn, as itself and inside a valid answer."""

    name = played_runs.MODEL
    parameters: Mapping[str, Any] = {}
    said = 0

    def __init__(self, seed: int) -> None:
        self._next = seed % len(TEXTS)

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        return Usage()

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        text = TEXTS[self._next % len(TEXTS)]
        self._next += 1
        Echo.said += 1
        answer: dict[str, Any] = dict.fromkeys(("reasoning", "insight", "plan"), text)
        fields = schema["properties"]
        answer |= {"orders": []} if "orders" in fields else {}
        answer |= {"cancel": []} if "cancel" in fields else {}
        if "forecasts" in fields:
            answer["forecasts"] = dict.fromkeys(fields["forecasts"]["properties"], 14)
        return Reply(json.dumps(answer) if self._next % 3 else text, text, Usage(), seconds=0.1)


def test_run_full_of_it_makes_harmless_reports_tables_and_terminals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(played_runs, "Parrot", Echo)
    folder = played_runs.play_run(
        tmp_path / "runs" / "run-1", (played_runs.MODEL,) * 4, practice_rounds=0, paid_rounds=7
    )
    run = open_run(folder)
    html = write_report([run], folder / "report.html", figures=False)[0].read_text(encoding="utf-8")
    tree = LexborHTMLParser(html)
    tables = export([folder], tmp_path / "tables")

    assert Echo.said >= len(TEXTS)
    assert not tree.css("script, iframe, object, embed, base, form, meta[http-equiv=refresh], img[src^=http]")
    for node in tree.css("*"):
        assert not [name for name in node.attributes if name.startswith("on")]
        assert not (node.attributes.get("href") or "").lower().startswith(("javascript:", "data:", "http"))
    starts = [cell[:1] for file in tables if file.suffix == ".csv" for cell in texts_of(file)]
    assert not set(starts) & {"=", "+", "@"}
    assert {file.name for file in tmp_path.iterdir()} == {"runs", "tables"}
    for text in TEXTS:
        line(Console(), text)
    assert "\x1b[2J" not in capsys.readouterr().out


def texts_of(file: Path) -> list[str]:
    table = pl.read_csv(file, infer_schema=False)
    return [cell for column in table.columns for cell in table[column].drop_nulls().to_list()]


@pytest.mark.browser
async def test_hostile_page_in_chromium_spoils_no_other_tab_and_sends_nothing_away(tmp_path: Path) -> None:
    taken: list[str] = []

    async def hostile(request: web.Request) -> web.Response:
        body = "".join(f"<div>{text.encode('utf-8', 'replace').decode()}</div>" for text in TEXTS)
        html = f'<form id="form" method="post"><input name="answer">{body}<button>Next</button></form>'
        return web.Response(text=html, content_type="text/html")

    async def good(request: web.Request) -> web.Response:
        html = '<h1>Good</h1><form id="form" method="post"><input name="answer"><button>Next</button></form>'
        if request.method == "POST":
            taken.append(str((await request.post())["answer"]))
            html = "<h1>Thanks</h1>"
        return web.Response(text=html, content_type="text/html")

    routes = [web.route("*", "/hostile", hostile), web.route("*", "/good/{visit}", good)]
    async with served(routes) as url, open_browser(BrowserSettings.find()) as browser:
        victim = await browser.open_session(f"{url}/good/1")
        await victim.look()
        bad = await browser.open_session(f"{url}/hostile")
        page = await bad.look()
        with contextlib.suppress(TimeoutError):
            await bad.act(SubmitForm({"answer": TEXTS[22]}), soon())
        answer = await victim.act(SubmitForm({"answer": TEXTS[23]}), soon())

    assert page.location == "/hostile"
    assert answer.page is not None
    assert "Thanks" in answer.page.text
    assert taken == [TEXTS[23]]
