"""A chat without a browser: what was said stands in the page as its own script shows it, and nothing else."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bots.adapters.page_readers import Document, Snapshot
from bots.adapters.page_readers.chat import read_said, with_said

VARIABLES = {
    "channel": "1-talk-1",
    "socket_path": "/chat?channel=1:x&participant_id=7:y",
    "participant_id": 7,
    "nickname_signed": "Participant 1:signed",
    "nickname": "Participant 1",
    "nickname_i_see_for_myself": "Participant 1 (Me)",
}
PAGE = """
<form id="form" method="post"><div class="otree-content">
<button type="button" id="other">Other</button><input id="note">
<div class='otree-chat' id='_js-otree-chat-1-talk-1'>
    <div class='otree-chat__messages'></div>
    <textarea class="otree-chat__input"></textarea>
    <button type="button" class="otree-chat__btn-send">Send</button>
</div>
<script>$(function () { var varsFromDjango = %s;
  var socket = 1; });</script>
<button class="otree-btn-next">Next</button></div></form>
"""


def page(**changed: object) -> Document:
    html = PAGE % json.dumps(VARIABLES | changed)
    return Document(Snapshot("1", "http://lab/p/abc/talk/Talk/1", html, 0.0))


def test_of_a_page_without_its_scripts_only_the_chat_can_be_used() -> None:
    document = page()
    [chat], [control], [entered] = document.chats, document.controls, document.inputs
    assert (
        (control.label, control.place, entered.name)
        == ("Send", chat.place, chat.input)
        == ("Send", 1, "input_2")
    )
    assert chat.message("hi") == {"body": "hi", "nickname_signed": "Participant 1:signed"}


def test_a_socket_on_another_host_is_no_chat() -> None:
    for strange in ("//elsewhere/chat", "https://elsewhere/chat", None):
        document = page(socket_path=strange)
        assert (document.chats, document.controls) == ((), ())


@given(st.lists(st.tuples(st.integers(6, 8), st.text(max_size=20), st.text(max_size=40)), max_size=5))
def test_whatever_is_said_stays_text(messages: list[tuple[int, str, str]]) -> None:
    document = page()
    [chat] = document.chats
    sent = [{"participant_id": own, "nickname": name, "body": body} for own, name, body in messages]
    said = read_said(json.dumps(sent), chat)
    assert [one.body for one in said] == [body for _, _, body in messages]
    assert {one.name for one, message in zip(said, messages, strict=True) if message[0] == 7} <= {
        chat.own_name
    }

    shown = Document(
        Snapshot("1", document.snapshot.address, with_said(document.snapshot.html, {chat.channel: said}), 0.0)
    )
    assert len(shown.tree.css(".otree-chat__body")) == len(messages)
    assert (shown.form, shown.controls, len(shown.tree.css("script"))) == (
        document.form,
        document.controls,
        1,
    )


def test_what_is_no_message_of_a_chat_says_nothing() -> None:
    [chat] = page().chats
    for data in ("", "{", "7", '{"body": "x"}', '["x", {"body": 7}]'):
        assert read_said(data, chat) == ()
