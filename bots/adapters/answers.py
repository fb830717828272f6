"""What the server's words mean as answers, whichever transport brought them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bots.domain.pages import Answer, Page, PageKind

REACTION_SECONDS: Final = 1.5
"""In which a page that reacts to a control does so, as a rule."""
FAILED: Final[Mapping[str, Any]] = {"otree_success": False}
"""Payload of a frame by which oTree tells that the page's live method failed."""
MOVED_ON: Final = "The page had moved on before this was sent."
NO_CHANNEL: Final = "This page takes no live messages."
NO_SCRIPTS: Final = "This page's controls need a browser."
NO_FORM: Final = "This page has no form."


def frame_payload(data: str) -> Mapping[str, Any]:
    """Return what a live frame carries: oTree 6 wraps it, 5 does not; what is no object is put into one."""
    try:
        frame = json.loads(data)
    except ValueError:
        return {"payload": data}
    if isinstance(frame, dict) and frame.keys() == {"otree_success", "live_method_payload"}:
        frame = frame["live_method_payload"] if frame["otree_success"] else FAILED
    return frame if isinstance(frame, dict) else {"payload": frame}


def answering(frames: Iterable[Mapping[str, Any]], ref: str | None) -> Mapping[str, Any] | None:
    """Return the frame that answers a message: the one with its `ref`, or the news that it failed.

    A message without a `ref` is answered by whatever comes next.
    """
    return next((one for one in frames if ref is None or one.get("ref") == ref or one == FAILED), None)


def live_answer(frame: Mapping[str, Any]) -> Answer:
    """Judge a live message by the frame that answered it."""
    if frame == FAILED:
        return Answer(accepted=False, words=("The server failed at this message.",), frame=frame)
    reasons = frame.get("reasons")
    words = tuple(
        str(reason["message"])
        for reason in (reasons if isinstance(reasons, list) else [])
        if isinstance(reason, dict) and "message" in reason
    )
    return Answer(accepted=frame.get("type") != "refused", words=words, frame=frame)


def form_answer(location: str, page: Page) -> Answer:
    """Judge a form of the page at `location` by the page that followed.

    oTree numbers its pages, so the same one again is a refusal.
    """
    if page.kind is PageKind.BROKEN:
        return Answer(accepted=False, words=(page.title or "The server failed.",), page=page)
    if page.location != location:
        return Answer(accepted=True, page=page)
    return Answer(accepted=False, words=page.errors or ("The server showed the page again.",), page=page)


def by_field(problems: Iterable[tuple[str, str]], page: Page) -> tuple[str, ...]:
    """Return (field name, words) as sentences that call each field what the page calls it."""
    fields = page.form.fields if page.form else ()
    labels = {field.name: field.label for field in fields if not field.nth}
    return tuple(f"{labels.get(name, name)}: {words}".removeprefix(": ") for name, words in problems)
