"""What can be done on a page beside sending its form."""

from __future__ import annotations

import dataclasses

import pytest

from bots.adapters.page_readers import Snapshot, read_page
from bots.adapters.page_readers.controls import read_messages
from bots.domain.pages import Control, LiveMessage, MessagePart, Page

HTML = """
<script id="otree-live" data-socket-url="/live?x=1"></script>
<form id="form"><div class="otree-content">
  <label for="amount">Your bid</label><input id="amount" type="number"><input name="known">
  <button type="button" onclick="liveSend({type: 'pass'})">Pass</button>
  <button type="button" style="display: none">Unseen</button>
  <input type="button" value="Bid"><a onclick="show()">Rules</a>
  <button>Next</button>
</div></form>
<script>liveSend({type: "bid", amount: Number(amount.value)});</script>
"""


def read(*, scripted: bool) -> Page:
    return read_page(Snapshot("v", "http://x/p/a/b/C/1", HTML, 0.0, scripted=scripted))


def test_controls_are_listed_where_scripts_run_and_hidden_ones_keep_their_place() -> None:
    page = read(scripted=True)
    assert page.controls == (Control("Pass", 0), Control("Bid", 2), Control("Rules", 3))
    assert [(one.name, one.label) for one in page.inputs] == [("amount", "Your bid")]
    assert page.messages == ()


def test_where_scripts_do_not_run_the_messages_they_plainly_send_take_their_place() -> None:
    page = read(scripted=False)
    assert (page.controls, page.inputs) == ((), ())
    bid = LiveMessage((MessagePart("type", "fixed", "bid"), MessagePart("amount", "number")))
    assert page.messages == (bid, LiveMessage((MessagePart("type", "fixed", "pass"),)))


@pytest.mark.parametrize(
    ("script", "parts"),
    [
        ("liveSend({'a': 1, b: -2.5})", [("a", "fixed", 1), ("b", "fixed", -2.5)]),
        ("liveSend({c: true})", [("c", "fixed", True)]),
        ("liveSend({text: box.value, n: parseInt(f(1, 2))})", [("text", "any", None), ("n", "number", None)]),
        ("liveSend({amount})", [("amount", "any", None)]),
        ("liveSend(Number(x.value))", [("value", "number", None)]),
        ("liveSend('ready')", [("value", "fixed", "ready")]),
        ("liveSend(message)", None),
        ("liveSend({...rest})", None),
        ("liveSend({a: 1", None),
        ("liveSend(makeOrder({a: 1}))", None),
    ],
)  # fmt: skip
def test_only_messages_that_a_script_plainly_makes_are_read(
    script: str, parts: list[tuple[str, str, object]] | None
) -> None:
    found = [[dataclasses.astuple(part) for part in one.parts] for one in read_messages([script])]
    assert found == ([parts] if parts else [])
