"""Whatever comes from outside is read, or refused with a sentence that says what, where and how to mend."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.adapters.links import read_links_file
from bots.adapters.models.catalogue import load_catalogue
from bots.adapters.page_readers import Snapshot, read_page
from bots.adapters.run_folder import mend_journal, read_manifest
from bots.agents.page_replies import read_page_reply
from bots.agents.replies import UnusableReply, read_reply
from bots.analysis.price_files import read_prices
from bots.analysis.runs import open_run
from bots.domain.errors import UnexpectedPage, UserMustMend
from bots.domain.market import Decision
from bots.domain.pages import Choice, Field, FieldKind, Form, Page, PageKind
from bots.domain.records import parse_journal
from bots.services.configuration import CONFIG, environment
from bots.services.rebuild import rebuild
from bots.services.study_plan import read_plan
from tests.analysis.played_runs import play_run
from tests.market_pages import view

QUICK = settings(max_examples=60)
numbers = st.one_of(st.integers(-3, 10**6), st.floats(), st.sampled_from(["14", "1e9", "NaN", "-0", "٣"]))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=12),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=8,
)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Nothing but a whole sentence may be raised."""
    error = None
    try:
        yield
    except UserMustMend as mend:
        error = mend
    assert error is None or all(part.strip() for part in (error.what, error.where, error.mend))


@contextlib.contextmanager
def file_with(content: bytes, name: str = "file") -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


# Replies of models.

keys = st.sampled_from(
    ["orders", "cancel", "forecasts", "plan", "insight", "reasoning", "answers", "button", "x"]
)
order = st.fixed_dictionaries(
    {"side": st.sampled_from(["buy", "sell", "BUY", 1]), "quantity": numbers, "price": numbers}
)
replies = st.one_of(
    st.text(max_size=60),
    st.dictionaries(keys, json_values | st.lists(order | json_values, max_size=4), max_size=6).map(
        json.dumps
    ),
)
PAGE = Page(
    "v",
    PageKind.FORM,
    "/p/abc/survey/Age/1",
    form=Form(
        (
            Field("age", FieldKind.INTEGER, "Age", required=True, minimum="18", maximum="99"),
            Field("why", FieldKind.CHOICES, "Why", choices=(Choice("a", "A"), Choice("b", "B"))),
        )
    ),
)


@settings(QUICK, max_examples=200)
@given(replies, st.sampled_from(["", "```json\n", "Here: "]), st.sampled_from(["trade", "forecast"]))
def test_any_reply_is_a_decision_or_is_refused_in_words(before: str, lead: str, page: Any) -> None:
    def read_all(text: str) -> Iterator[Decision]:
        yield read_reply(text, view(page))
        yield read_page_reply(text, PAGE)

    reading = read_all(lead + before)
    faults: tuple[str, ...] = ("a sentence",)
    try:
        assert all(isinstance(one, Decision) for one in reading)
    except UnusableReply as refused:
        faults = refused.faults
    assert faults
    assert all(fault.strip() for fault in faults)
    with contextlib.suppress(UnusableReply):
        read_page_reply(lead + before, PAGE)


# Pages.

pieces = st.sampled_from(
    [
        *(
            '<form id="form" method="post">',
            "</form>",
            "<input name=a type=number min=x max=1>",
            "<select name=b>",
        ),
        *(
            "<option value=1>One",
            "</select>",
            "<textarea name=c>",
            '<div class="otree-wait-page">',
            "<button>",
        ),
        *(
            '<script type="application/json" id="market-view">',
            "</script>",
            "{",
            "}",
            '"page": "trade"',
            "null",
        ),
        *(
            '<script id="otree-live" data-socket-url="//x">',
            "var remainingTimeoutSeconds = 1e9;",
            "<table><tr><td>",
        ),
        *(
            '<div class="otree-form-errors">',
            "<input type=radio name=a value>",
            "<!--",
            "<input type=range name=r>",
        ),
    ]
)


@settings(QUICK, max_examples=200)
@given(st.lists(pieces | st.text(max_size=10), max_size=12), st.sampled_from([200, 404, 500, 0, 999]))
def test_any_page_is_read_or_is_an_unexpected_one(parts: list[str], status: int) -> None:
    snapshot = Snapshot("v", "http://localhost/p/abc/app/Page/1", "".join(parts), 0.0, status)
    with contextlib.suppress(UnexpectedPage):
        assert read_page(snapshot).visit == "v"


@QUICK
@given(st.data())
def test_any_change_of_a_market_page_s_data_is_read_or_told(data: st.DataObject) -> None:
    content = json.loads(view("trade").model_dump_json())
    place: Any = content
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            place[key] = data.draw(json_values)
            break
        place = place[key]
    raw = json.dumps(content)
    html = f'<script type="application/json" id="market-view">{raw}</script><form id="form"></form>'
    with contextlib.suppress(UnexpectedPage):
        read_page(Snapshot("v", "http://localhost/p/abc/call_market/Trade/1", html, 0.0))


# Journals and run folders.


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "run-1"
    return play_run(folder, ("hold", "zero-intelligence"), practice_rounds=0, paid_rounds=1)


def test_a_journal_cut_at_any_byte_is_read_up_to_the_cut(run: Path) -> None:
    raw = (run / "journal.jsonl").read_bytes()
    lines, cuts = raw.count(b"\n"), {*range(0, len(raw), max(1, len(raw) // 300)), len(raw)}
    for cut in cuts:
        with file_with(raw[:cut], "journal.jsonl") as path:
            whole = raw[:cut].count(b"\n")
            assert len(parse_journal(raw[:cut].decode(errors="ignore")).events) in {whole, whole + 1}
            mend_journal(path)
            assert len(parse_journal(path.read_text()).events) in {whole, whole + 1}
    assert lines > 10


@QUICK
@given(st.data())
def test_a_journal_spoilt_anywhere_is_told(run: Path, data: st.DataObject) -> None:
    raw = bytearray((run / "journal.jsonl").read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "journal.jsonl").write_bytes(raw)
        (folder / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
        with told():
            open_run(folder).table("orders")
        with told():
            rebuild(folder)


@QUICK
@given(st.one_of(st.binary(max_size=40), json_values.map(lambda value: json.dumps(value).encode())))
def test_any_manifest_is_read_or_told(content: bytes) -> None:
    with file_with(content, "manifest.json") as path, told():
        read_manifest(path.parent)


# What users write.

link_lines = st.one_of(
    st.text(max_size=40),
    st.builds(
        "{}={}://{}/InitializeParticipant/{}".format,
        st.text("0123456789 -", max_size=4),
        st.sampled_from(["http", "https", "ftp", ""]),
        st.sampled_from(["localhost:8000", "[::1", "user:pass@host", "host:99999", ""]),
        st.text("abc/?#%", max_size=6),
    ),
)
toml_lines = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["[models.x]", "[providers.y]", "[mixed.z]", "[treatments.a]", "[[models]]"]),
    st.builds(
        "{} = {}".format,
        st.sampled_from(
            ["provider", "model", "kind", "seats", "counts", "temperature", "name", "repetitions"]
        ),
        st.sampled_from(['"x"', "1", "-1", "nan", "[]", '["hold"]', "{}", "true", '"openai"', "1979-05-27"]),
    ),
)


def lines_of(one: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    text = st.lists(one, max_size=8).map("\n".join)
    return st.binary(max_size=30) | text.map(lambda value: value.encode("utf-8", "replace"))


READERS: dict[str, tuple[Callable[[Path], object], st.SearchStrategy[bytes]]] = {
    "links": (read_links_file, lines_of(link_lines)),
    "models.toml": (load_catalogue, lines_of(toml_lines)),
    "study.toml": (read_plan, lines_of(toml_lines)),
    "prices.csv": (
        read_prices,
        lines_of(
            st.sampled_from(["market,period,price", "1,1,14", "a,b", "1,1,-inf", '"', "1,99999999,1", ",,"])
        ),
    ),
}


@pytest.mark.parametrize("name", READERS)
@QUICK
@given(st.data())
def test_any_file_of_a_user_is_read_or_told(name: str, data: st.DataObject) -> None:
    read, contents = READERS[name]
    with file_with(data.draw(contents), name) as path, told():
        read(path)


@QUICK
@given(st.data())
def test_a_models_file_spoilt_anywhere_is_read_or_told(data: st.DataObject) -> None:
    raw = bytearray((CONFIG / "models.toml").read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with file_with(bytes(raw), "models.toml") as path, told():
        load_catalogue(path)


@QUICK
@given(lines_of(st.text(max_size=20) | st.sampled_from(["A=1", "B='x", "export C=2", "=", "D"])))
def test_any_env_file_is_read_or_told(content: bytes) -> None:
    with file_with(content, ".env") as path, told():
        environment(path.parent)
