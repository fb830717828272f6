"""Links for many: session-wide ones (`/join/…`) and those of rooms. Whoever opens one takes the next place.

    link = "http://localhost:8000/join/funabita"
    links = await take_places(link, [link] * 3)

Each place is taken once, as somebody new without cookies, and is entered from then on by the participant's
own link: one identity a bot, however it reaches its pages, and whenever it comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

import aiohttp
from selectolax.lexbor import LexborHTMLParser
from yarl import URL

from bots.adapters.entry import is_shared
from bots.adapters.links import ParticipantLink, SessionLinks, entry_code, web_address
from bots.adapters.otree_server import unreachable
from bots.domain.errors import UserMustMend

_LABEL: Final = "participant_label"
_WELCOMED: Final = "welcome_page_ok"  # oTree 6 shows a room's welcome page to whoever comes without it
_SECONDS: Final = 30.0
_MOST_REDIRECTS: Final = 10
_MOST_WORDS: Final = 200  # characters


def is_room(url: str) -> bool:
    """Tell whether an address is a room's, as participants have it or bare."""
    try:
        return is_shared(url.strip()) and "/room/" in urlsplit(url.strip()).path
    except ValueError:  # a host in brackets that is no address
        return False


def is_way_in(url: str) -> bool:
    """Tell whether a link is one that participants open: session-wide, or of a room as participants have it.

    A room's bare address names its session, as the admin sees it; with a label, or past its welcome page, it
    is a participant's.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:  # a host in brackets that is no address
        return False
    if parts.scheme not in {"http", "https"} or not is_shared(url.strip()):
        return False
    return "/join/" in parts.path or bool({_LABEL, _WELCOMED} & parse_qs(parts.query).keys())


def names_one(url: str) -> bool:
    """Tell whether a link has a participant's label: whoever opens it is always the same participant."""
    return _LABEL in parse_qs(urlsplit(url.strip()).query)


def with_label(url: str, label: str) -> str:
    """Return a room's link as the participant of this label has it."""
    return str(URL(url.strip()).update_query({_LABEL: label}))


async def take_places(given: str, ways: Sequence[str]) -> SessionLinks:
    """Open links in turn, each as somebody new, and return whose places were taken.

    Args:
        given: the address as it was given.
        ways: a link a place; session-wide, or of a room. A room's welcome page is passed.

    Raises:
        UserMustMend: a link does not lead to a place of its own; those that were taken stay taken.
    """
    web_address(given.strip())
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    taken: dict[str, ParticipantLink] = {}
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        for number, way in enumerate(ways, start=1):
            address = URL(way.strip())
            if "/room/" in address.path:
                address = address.update_query({_WELCOMED: "1"})
            own = await _take(http, address, number)
            code = entry_code(own) or ""
            if code in taken:
                raise _no_place(address, number, f"it leads to participant {code} again")
            taken[code] = ParticipantLink(number, code, own)
    return SessionLinks(given, None, tuple(taken.values()))


async def _take(http: aiohttp.ClientSession, address: URL, number: int) -> str:
    """Return the own link of who comes next."""
    here = address
    try:
        for _ in range(_MOST_REDIRECTS):
            async with http.get(here, allow_redirects=False) as response:
                target = response.headers.get("Location")
                if target is None:
                    raise _refused(address, number, response.status, await response.text(errors="replace"))
            here = here.join(URL(target))
            if here.host != address.host:
                raise _no_place(address, number, f"it leads to another host ({here.host})")
            if entry_code(str(here)):
                return str(here.with_query(None))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise unreachable(str(address), error) from error
    raise _no_place(address, number, "it leads from address to address")


def _refused(address: URL, number: int, status: int, html: str) -> UserMustMend:
    body = LexborHTMLParser(html).body
    text = " ".join((body.text(separator=" ") if body else "").split())
    words = "".join(letter for letter in text if letter.isprintable())[:_MOST_WORDS]
    if status == 200:
        return _no_place(address, number, f"no session is open behind it; the page says: {words}")
    return _no_place(address, number, f"the server answers with status {status}: {words}")


def _no_place(address: URL, number: int, why: str) -> UserMustMend:
    before = f" (the {number - 1} before it stay taken)" if number > 1 else ""
    return UserMustMend(
        f"the link gives no place to bot {number}{before}: {why}",
        where=str(address),
        mend="Check the address, its label, and that enough participants of the session have not begun.",
    )
