"""Pages as oTree served them, and what participants read in them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.adapters.page_readers import Snapshot, read_page
from bots.domain.errors import UnexpectedPage
from bots.domain.pages import Button, Choice, Field, FieldKind, Form, Page, PageKind
from tests.market_pages import view

SAVED = Path(__file__).parent / "saved_pages"
LOADED_AT = 1000.0


def read(html: str, path: str = "/p/abc/app/Page/7", status: int = 200) -> Page:
    return read_page(Snapshot("v1", f"http://localhost:8000{path}?x=1", html, LOADED_AT, status))


def saved(name: str, path: str = "/p/abc/app/Page/7", status: int = 200) -> Page:
    return read((SAVED / f"{name}.html").read_text("utf-8"), path, status)


def field(name: str, page: Page) -> Field:
    assert page.form is not None
    return next(one for one in page.form.fields if one.name == name)


def test_text_is_read_as_people_see_it() -> None:
    page = saved("text")
    assert page.kind is PageKind.FORM
    assert page.title == "Welcome"
    assert page.text.splitlines() == [
        "This is a neutral page.",
        "- First point",
        "- Second point",
        "Round | Price",
        "1 | 14.00",
        "Next",
    ]
    assert page.form == Form(buttons=(Button("Next"),))
    assert (page.name, page.location) == ("Page", "/p/abc/app/Page/7")
    assert page.expires_at is None
    assert not page.live


RATINGS = tuple(Choice(str(number), str(number)) for number in range(1, 6))
HAPPY = (Choice("1", "Not at all"), Choice("2", "A little"), Choice("3", "Very"))
COUNTRIES = (Choice("at", "Austria"), Choice("de", "Germany"), Choice("fr", "France"))
COLOURS = (Choice("r", "Red"), Choice("g", "Green"), Choice("b", "Blue"))
YES_NO = (Choice("True", "Yes"), Choice("False", "No"))


@pytest.mark.parametrize(
    "expected",
    [
        Field("age", FieldKind.INTEGER, "How old are you?", True, minimum="18", maximum="99"),
        Field("offer", FieldKind.INTEGER, "Your offer", True, minimum="0", maximum="10", near="points"),
        Field("share", FieldKind.DECIMAL, "Share kept", True, minimum="0"),
        Field("city", FieldKind.TEXT, "City", True),
        Field("reason", FieldKind.LONG_TEXT, "Why?", True, help_text="One or two sentences."),
        Field("happy", FieldKind.CHOICE, "How happy are you?", True, HAPPY),
        Field("agree", FieldKind.CHOICE, "I agree", True, RATINGS),
        Field("country", FieldKind.CHOICE, "Country", True, COUNTRIES),
        Field("news", FieldKind.CHECKBOX, "Send me news", False, (Choice("y", "Send me news"),)),
        Field("terms", FieldKind.CHECKBOX, "I accept the terms", True, (Choice("y", "I accept the terms"),)),
        Field("member", FieldKind.CHOICE, "Are you a member?", True, YES_NO),
        Field("nick", FieldKind.TEXT, "Nickname"),
        Field("slider", FieldKind.RANGE, "Slider", minimum="0", maximum="100", step="5", value="50"),
        Field("moved", FieldKind.HIDDEN, "moved"),
        Field("colour", FieldKind.CHOICES, "Colours you like", False, COLOURS),
    ],
    ids=lambda expected: expected.name,
)
def test_each_widget_is_read_with_its_label_choices_and_limits(expected: Field) -> None:
    assert field(expected.name, saved("widgets")) == expected


def test_buttons_that_carry_an_answer_are_no_fields() -> None:
    page = saved("widgets")
    assert page.form is not None
    assert page.form.buttons == (Button("Stay", "choice", "stay"), Button("Leave", "choice", "leave"))
    assert "choice" not in {one.name for one in page.form.fields}


def test_refused_form_tells_what_was_wrong_with_which_field() -> None:
    page = saved("refused")
    assert page.errors[:2] == (
        "Please fix the errors.",
        "How old are you?: Number must be between 18 and 99.",
    )
    assert "I accept the terms: This field is required." in page.errors
    assert field("age", page).errors == ("Number must be between 18 and 99.",)
    assert field("age", page).value == "5"


def test_empty_place_for_an_error_is_no_error() -> None:
    page = read("<form id='form'><input name='f0'><p class='form-control-errors'></p></form>")
    assert field("f0", page).errors == ()
    assert page.errors == ()


def test_wait_page_is_waited_for() -> None:
    page = saved("wait")
    assert page.kind is PageKind.WAIT
    assert page.title == "Please wait"
    assert "Waiting for the other one." in page.text
    assert "An error occurred." not in page.text


def test_timer_counts_from_when_the_page_was_loaded() -> None:
    assert saved("timed").expires_at == LOADED_AT + 60


def test_timed_page_without_button_is_not_the_end() -> None:
    assert saved("timed_without_button").kind is PageKind.FORM


def test_live_page_is_known_by_its_channel() -> None:
    page = saved("live")
    assert page.live
    assert page.kind is PageKind.FORM


@pytest.mark.parametrize(
    ("name", "path"), [("last", "/p/abc/app/End/9"), ("after_the_last", "/OutOfRangeNotification/abc")]
)
def test_last_page_is_the_end(name: str, path: str) -> None:
    assert saved(name, path).kind is PageKind.END


@pytest.mark.parametrize("status", [404, 500])
def test_error_of_the_server_is_a_broken_page(status: int) -> None:
    page = saved("not_found", "/InitializeParticipant/nobody", status)
    assert page.kind is PageKind.BROKEN
    assert "maybe the session was deleted" in page.text


def test_error_page_of_the_browser_is_broken() -> None:
    snapshot = Snapshot(
        "v1", "chrome-error://chromewebdata/", "<body>localhost refused to connect.</body>", 0.0, 0
    )
    page = read_page(snapshot)
    assert page.kind is PageKind.BROKEN
    assert page.text == "localhost refused to connect."


def test_page_of_otree_5_is_read_too() -> None:
    html = """<h2 id="_otree-title">Old</h2><div class="_otree-content">Hello<form id="form" method="post">
    <button class="otree-btn-next">Next</button></form></div>"""
    page = read(html)
    assert (page.title, page.text, page.kind) == ("Old", "Hello\nNext", PageKind.FORM)


def test_raw_inputs_without_wrappers_are_read() -> None:
    page = read("""<form id="form" method="post">
        <input name="price" type="number" step="0.01" aria-label="Price" value="1.50">
        <input name="mail" type="email" placeholder="you@example.org">
        <select name="days" multiple><option selected>Mo</option><option>Tu</option></select>
        <input name="off" disabled><input type="button" name="idle"><input type="submit" value="Go"></form>
        <form id="other"><input name="strange"></form>
        <input name="far" form="form"><input name="not_ours" form="other">""")
    assert page.form is not None
    assert [(one.name, one.kind, one.label) for one in page.form.fields] == [
        ("price", FieldKind.DECIMAL, "Price"),
        ("mail", FieldKind.TEXT, "you@example.org"),
        ("days", FieldKind.CHOICES, "days"),
        ("far", FieldKind.TEXT, "far"),
    ]
    assert field("price", page).value == "1.50"
    assert field("days", page).value == "Mo"
    assert page.form.buttons == (Button("Go"),)


def market_html(block: str, button: str = "<button>Next</button>") -> str:
    return f"""<h2 id="_otree-title">Trade</h2>
    <div class="otree-content"><form id="form" method="post">{button}</form></div>
    <script type="application/json" id="market-view">{block}</script>"""


def test_market_page_carries_its_view() -> None:
    page = read(market_html(view("trade").model_dump_json()), "/p/abc/call_market/Trade/5")
    assert page.kind is PageKind.MARKET
    assert page.market == view("trade")
    assert page.name == "trade"
    assert page.market is not None
    assert isinstance(page.market.last_price, Decimal)


def test_payment_page_of_the_market_is_the_end() -> None:
    page = read(market_html(view("payment", None).model_dump_json(), button=""))
    assert page.kind is PageKind.END
    assert page.name == "payment"


def test_market_block_that_does_not_fit_says_what_did_not() -> None:
    block = json.loads(view("trade").model_dump_json())
    block["holdings"]["cash"] = "a lot"
    with pytest.raises(UnexpectedPage, match=r"holdings\.cash: Input should be a valid decimal"):
        read(market_html(json.dumps(block)))


def test_market_block_that_is_no_json_is_told_as_such() -> None:
    with pytest.raises(UnexpectedPage, match="the whole block: Invalid JSON"):
        read(market_html("{"))


def test_words_on_the_page_are_never_taken_for_its_timer() -> None:
    page = read("<form id='form'><p>var remainingTimeoutSeconds = 1;</p><button>Next</button></form>")
    assert page.expires_at is None


@given(st.text(max_size=300))
def test_any_text_can_be_read_as_a_page(text: str) -> None:
    assert read(f"<form id='form'>{text}</form>").visit == "v1"
