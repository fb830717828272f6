"""Who a wait page is waiting for: the participants that oTree has on an earlier page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bots.adapters.links import Credentials, SessionLinks
from bots.adapters.otree_server import OTreeRest
from bots.domain.errors import UserMustMend

_MOST_NAMED = 12


async def who_is_awaited(links: SessionLinks, credentials: Credentials, waiting: str) -> str:
    """Return who is on an earlier page than the participant `waiting`, as a sentence; empty if not known.

    Asked is the server itself, which tells only with its REST key where its pages are protected.
    """
    if links.session_code is None:
        return ""
    try:
        rows = await OTreeRest(links.server, credentials.rest_key).export_wide(links.session_code)
    except UserMustMend:  # no key, no such interface (oTree 5), or no server any more
        return ""
    behind = list(_behind(rows, waiting))
    more = f" and {len(behind) - _MOST_NAMED} more" if len(behind) > _MOST_NAMED else ""
    return f"Waited for: {', '.join(behind[:_MOST_NAMED])}{more}." if behind else ""


def _behind(rows: list[dict[str, str]], waiting: str) -> Iterator[str]:
    places = {row["participant.code"]: _place(row) for row in rows}
    for row in rows:
        if _place(row) < places.get(waiting, 0):
            label = row.get("participant.label") or ""
            named = f", label {label}" if label else ""
            page = row.get("participant._current_page_name") or ""
            on = f"on {page}" if page else "not begun"
            number = row.get("participant.id_in_session")
            yield f"participant {number} ({row['participant.code']}{named}, {on})"


def _place(row: Mapping[str, str]) -> int:
    text = row.get("participant._index_in_pages") or "0"
    return int(text) if text.isdecimal() else 0
