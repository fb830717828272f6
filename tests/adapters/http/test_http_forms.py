"""A form filled without a browser is the form that a browser would send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from bots.adapters.http_forms import Filled, fill_form, timed_out_form
from bots.domain.pages import Button, SubmitForm

FORM = """<form id="form" method="post">
  <input name="name" value="Ann"> <textarea name="why">Why
not</textarea> <input type="hidden" name="kept" value="k"> <input name="off" value="x" disabled>
  <input type="radio" name="pick" value="1"> <input type="radio" name="pick" value="2" checked>
  <input type="checkbox" name="box"> <input type="checkbox" name="many" value="a" checked>
  <input type="checkbox" name="many" value="b" checked>
  <select name="one"><option value="x">X</option><option value="y">Y</option></select>
  <select name="several" multiple>
    <option selected>p</option><option>q</option><option selected>r</option>
  </select>
  <input type="range" name="slide" min="0" max="10" step="4">
  <input name="twin" value="1"> <input name="twin" value="2">
  <button name="go" value="back">Back</button> <button name="go" value="on" class="otree-btn-next">On</button>
</form>"""
AS_IT_STANDS = (
    ("name", "Ann"),
    ("why", "Why\r\nnot"),
    ("kept", "k"),
    ("pick", "2"),
    ("many", "a"),
    ("many", "b"),
    ("one", "x"),
    ("several", "p"),
    ("several", "r"),
    ("slide", "4"),
    ("twin", "1"),
    ("twin", "2"),
)


def filled(html: str, act: SubmitForm) -> Filled:
    tree = LexborHTMLParser(html)
    form = tree.css_first("form")
    assert form is not None
    return fill_form(form, tree, act)


def test_form_goes_as_the_page_has_it_with_the_next_button() -> None:
    assert filled(FORM, SubmitForm({})) == Filled((*AS_IT_STANDS, ("go", "on")), ())


def test_button_that_is_pressed_is_the_one_that_is_sent() -> None:
    sent = filled(FORM, SubmitForm({}, Button("Back", "go", "back"))).pairs
    assert sent[-1] == ("go", "back")


def test_answers_take_the_place_of_what_the_page_has() -> None:
    values: dict[str, str | tuple[str, ...]] = {
        "name": "Bo\nB",
        "pick": "1",
        "box": "yes",
        "many": ("b",),
        "one": "y",
        "several": (),
        "slide": "8",
        "twin": ("3", "4"),
    }
    assert filled(FORM, SubmitForm(values)) == Filled(
        (
            *(("name", "BoB"), ("why", "Why\r\nnot"), ("kept", "k"), ("pick", "1"), ("box", "on")),
            *(("many", "b"), ("one", "y"), ("slide", "8"), ("twin", "3"), ("twin", "4"), ("go", "on")),
        ),
        (),
    )


def test_time_that_is_over_sends_the_form_as_it_stands_without_a_button() -> None:
    tree = LexborHTMLParser(FORM)
    assert timed_out_form(tree.css_first("form"), tree).pairs == (*AS_IT_STANDS, ("timeout_happened", "1"))
    assert timed_out_form(None, tree).pairs == (("timeout_happened", "1"),)


def test_form_that_is_timed_out_is_not_checked() -> None:
    html = '<form><input name="a" required><input name="n" type="number" min="3"></form>'
    act = SubmitForm({"n": "1"}, timed_out=True)
    assert filled(html, act) == Filled((("a", ""), ("n", "1"), ("timeout_happened", "1")), ())


@pytest.mark.parametrize(
    ("attributes", "value", "words"),
    [
        ('min="0.5" step="0.25"', "0.75", None),
        ('min="0.5" step="0.25"', "0.8", "The two nearest valid values are 0.75 and 1."),
        ('max="3"', "3.5", "Value must be less than or equal to 3."),
        ("", "1.5", "The two nearest valid values are 1 and 2."),
        ('step="any"', "1.5", None),
        ("required", "", "Please fill out this field."),
        ('required readonly min="9"', "", None),
        ("", "1e2", None),
        ("", "0x10", '"0x10" cannot be entered here.'),
        ("", "NaN", '"NaN" cannot be entered here.'),
        ("", "", None),
    ],
)
def test_number_is_checked_by_what_the_page_says(attributes: str, value: str, words: str | None) -> None:
    html = f'<form><input type="number" name="n" {attributes}></form>'
    problems = [told for _, told in filled(html, SubmitForm({"n": value})).problems]
    assert [told.endswith(words or "never") for told in problems] == [True] * (words is not None)


def test_page_that_wants_no_checks_gets_none() -> None:
    html = '<form novalidate><input name="a" required></form>'
    assert filled(html, SubmitForm({})).problems == ()


@given(
    st.text(max_size=40), st.sampled_from(["text", "number", "range", "email", "hidden", "checkbox", "radio"])
)
def test_any_answer_to_any_input_is_sent_or_told_of(value: str, kind: str) -> None:
    sent = filled(f'<form><input type="{kind}" name="n" value="3"></form>', SubmitForm({"n": value}))
    assert {name for name, _ in (*sent.pairs, *sent.problems)} <= {"n"}


def test_inputs_of_one_name_are_filled_one_after_the_other_and_a_file_that_must_be_given_is_told() -> None:
    form = """<form id="form"><input name="w"><select name="w"><option>a<option>b</select>
      <input name="w" value="z">
      <input type="hidden" name="x" value="0"><input type="checkbox" name="x" value="1">
      <input type="file" name="cv" required><button>Next</button></form>"""
    sent = filled(form, SubmitForm({"w": ("1", "b", "3"), "x": "1"}))
    assert sent.problems == (("cv", "Please select a file."),)
    assert sent.pairs == (("w", "1"), ("w", "b"), ("w", "3"), ("x", "0"), ("x", "1"), ("cv", ""))
