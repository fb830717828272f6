"""Where participants enter: the links of a session, from its page on the server or from a file.

    1=https://lab.example.org/InitializeParticipant/7y3k2m9q
    2=https://lab.example.org/InitializeParticipant/bn0a5c1x

Where the server hides its page behind a login (OTREE_AUTH_LEVEL), the REST interface is asked with its key,
or else the admin logs in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohttp
from pydantic import SecretStr
from selectolax.lexbor import LexborHTMLParser

from bots.adapters.otree_server import OTreeRest, unreachable
from bots.adapters.run_folder import replace_file
from bots.domain.errors import UserMustMend

_ENTRY: Final = re.compile(r"/InitializeParticipant/(?P<code>\w+)/?\Z", re.ASCII)
_SESSION: Final = re.compile(
    r"(?P<base>.*)/(?:Session[A-Z][A-Za-z]+|AdminReport)/(?P<name>\w+)/?\Z", re.ASCII
)
_ROOM: Final = re.compile(r"(?P<base>.*)/room(?:_with_session|_without_session)?/(?P<name>\w+)/?\Z", re.ASCII)
_LINE: Final = re.compile(r"\s*0*(?P<number>[1-9][0-9]{0,5})\s*=\s*(?P<url>\S+)\s*", re.ASCII)
_PAGE_SECONDS: Final = 30.0
_PAGE_BYTES: Final = 8_000_000  # a page of a thousand links has some 300 kB
_EXAMPLE: Final = "http://localhost:8000/SessionStartLinks/abc123"
_LINE_EXAMPLE: Final = "1=http://localhost:8000/InitializeParticipant/abc123"


class LoginWanted(UserMustMend):
    """The server shows a session's page only after a login, and nothing was given to log in with."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens the pages of a server whose OTREE_AUTH_LEVEL is set; either the key or the password will do.

    Args:
        rest_key: the server's OTREE_REST_KEY.
        username: OTREE_ADMIN_USERNAME; `admin` unless the project's settings say otherwise.
        password: the server's OTREE_ADMIN_PASSWORD.
    """

    rest_key: SecretStr | None = None
    username: str = "admin"
    password: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class ParticipantLink:
    """The entry of one participant.

    Args:
        number: its place in the session, from 1.
        code: oTree's code of the participant.
        url: where it enters, and comes back to.
    """

    number: int
    code: str
    url: str


@dataclass(frozen=True, slots=True)
class SessionLinks:
    """The links of one session by rising number; there is at least one.

    Args:
        url: the page or file that named them, as it was given.
        session_code: oTree's code of the session; None: a file does not tell.
    """

    url: str
    session_code: str | None
    links: tuple[ParticipantLink, ...]

    @property
    def server(self) -> str:
        """Address of the oTree server, without a slash at its end."""
        return self.links[0].url.partition("/InitializeParticipant/")[0]


async def read_links(url_or_path: str, credentials: Credentials | None = None) -> SessionLinks:
    """Return the links of a session, named by its SessionStartLinks page, its room's page, or a links file.

    Raises:
        UserMustMend: the server, the page or the file gives no links; it says why and what to do. Where the
            page is behind a login that nothing was given for, LoginWanted.
    """
    given = url_or_path.strip()
    if "://" not in given:
        return read_links_file(Path(given))
    return await _from_server(_Place.of(given), credentials or Credentials())


async def session_in_room(address: str, credentials: Credentials) -> str | None:
    """Return the code of the session in a room, by any of the room's addresses; None where it is not told."""
    place = _Place.of(address.strip())
    try:
        return await _session_in_room(OTreeRest(place.base, credentials.rest_key), place)
    except UserMustMend:  # no key, no room's session, or an oTree without this interface
        return None


def read_links_file(path: Path) -> SessionLinks:
    """Return the links of a file with lines `1=https://…/InitializeParticipant/abc`; # begins a comment line.

    Raises:
        UserMustMend: it cannot be read, has no links, or a line is wrong; it names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "no text in UTF-8"
        raise UserMustMend(
            f"the links file cannot be read ({reason})",
            where=str(path),
            mend=f"Give the address of a session's page, such as {_EXAMPLE}, or a file with lines such as "
            f"{_LINE_EXAMPLE}.",
        ) from error
    links: dict[int, ParticipantLink] = {}
    for place, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            link = _parse_line(line, f"{path}, line {place}", links)
            links[link.number] = link
    if not links:
        raise UserMustMend(
            "the file has no links", where=str(path), mend=f"Add lines such as {_LINE_EXAMPLE}."
        )
    return SessionLinks(str(path), None, tuple(links[number] for number in sorted(links)))


def write_links_file(path: Path, links: SessionLinks) -> None:
    """Write links in the form that `read_links_file` reads, whole or not at all."""
    lines = (f"{link.number}={link.url}\n" for link in links.links)
    replace_file(path, f"# Links of {' '.join(links.url.split())}\n" + "".join(lines))


def _parse_line(line: str, where: str, before: Mapping[int, ParticipantLink]) -> ParticipantLink:
    match = _LINE.fullmatch(line)
    code = entry_code(match["url"]) if match else None
    if match is None or code is None:
        raise UserMustMend(
            f"this is no number and link of a participant: {line.strip()[:200]!r}",
            where=where,
            mend=f"Write it like {_LINE_EXAMPLE}, or put a # before a remark.",
        )
    link = ParticipantLink(int(match["number"]), code, match["url"])
    if link.number in before or any(link.code == other.code for other in before.values()):
        raise UserMustMend(
            f"number {link.number} or participant {link.code} stands above already",
            where=where,
            mend="Give each participant one line, with a number and a link of its own.",
        )
    return link


def entry_code(url: str) -> str | None:
    """Return the participant's code of an entry link over http or https; None: it is no such link."""
    with suppress(ValueError):  # a host in brackets that is no address
        parts = urlsplit(url)
        match = _ENTRY.search(parts.path)
        if match and parts.scheme in ("http", "https") and parts.hostname:
            return match["code"]
    return None


def web_address(given: str) -> SplitResult:
    """Return the parts of an address that can be opened and may be recorded.

    Raises:
        UserMustMend: it is none.
    """
    try:
        parts = urlsplit(given)
        usable = bool(parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        usable = False
    if not usable:
        raise _no_session_page("this is no web address", given)
    if parts.username or parts.password:
        raise _no_session_page(
            "an address with a password in it would end up in the records", given="the URL"
        )
    return parts


@dataclass(frozen=True, slots=True)
class _Place:
    """A page that names a session: its address, and which session or room it is of."""

    given: str
    base: str  # scheme, host and the path below which oTree lives
    session: str | None
    room: str | None

    @classmethod
    def of(cls, given: str) -> _Place:
        """Read an address.

        Raises:
            UserMustMend: it is not the page of a session or room.
        """
        parts = web_address(given)
        origin = f"{parts.scheme}://{parts.netloc}"
        if match := _SESSION.fullmatch(parts.path):
            return cls(given, origin + match["base"], match["name"], None)
        if match := _ROOM.fullmatch(parts.path):
            return cls(given, origin + match["base"], None, match["name"])
        if "/InitializeParticipant/" in parts.path or "/join/" in parts.path:
            raise _no_session_page("this link makes whoever opens it a participant", given)
        raise _no_session_page("this is not the page of a session", given)

    @property
    def page(self) -> str:
        """Where the admin finds the links. A room's own page would make us a participant."""
        return f"{self.base}/SessionStartLinks/{self.session}" if self.session else self.room_page

    @property
    def room_page(self) -> str:
        return f"{self.base}/room_with_session/{self.room}"


def _no_session_page(what: str, given: str) -> UserMustMend:
    return UserMustMend(
        what,
        where=given,
        mend=f"Give the address of a session's start links, such as {_EXAMPLE}, or the path of a file "
        f"with lines such as {_LINE_EXAMPLE}.",
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """A page that a server showed, after its redirects."""

    url: str
    html: LexborHTMLParser

    @property
    def base(self) -> str:
        """Scheme, host and path below which this oTree lives."""
        parts = urlsplit(self.url)
        match = _SESSION.fullmatch(parts.path) or _ROOM.fullmatch(parts.path)
        path = match["base"] if match else parts.path.removesuffix("/login")
        return f"{parts.scheme}://{parts.netloc}{path}"

    @property
    def is_login(self) -> bool:
        return self.html.css_first("form input[type=password]") is not None


async def _from_server(place: _Place, credentials: Credentials) -> SessionLinks:
    timeout = aiohttp.ClientTimeout(total=_PAGE_SECONDS)
    # Laboratories call their servers by number: cookies are to be kept for those too.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as http:
        shown = await _get(http, place)
        if not shown.is_login:
            return _links_on(shown, place)
        if urlsplit(shown.url).hostname != urlsplit(place.page).hostname:
            raise UserMustMend(
                f"the server leads to the login of another one ({urlsplit(shown.url).hostname})",
                where=place.page,
                mend="Give the address of the oTree server itself.",
            )
        if credentials.rest_key:
            return await _by_rest(OTreeRest(shown.base, credentials.rest_key), place)
        if credentials.password is None:
            raise LoginWanted(
                "the server shows this page only after a login (its OTREE_AUTH_LEVEL is set)",
                where=place.page,
                mend="Set OTREE_REST_KEY, or OTREE_ADMIN_USERNAME and OTREE_ADMIN_PASSWORD, in "
                "bots/config/.env, or in .env of this folder, to the values they have on the server.",
            )
        await _log_in(http, shown, credentials.username, credentials.password)
        return _links_on(await _get(http, place), place)


async def _get(http: aiohttp.ClientSession, place: _Place) -> _Shown:
    try:
        async with http.get(place.page) as response:
            if response.status != 200:
                raise _refused(response.status, place)
            body = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                body += chunk
                if len(body) > _PAGE_BYTES:
                    raise _no_session_page("the page is far longer than one of oTree's", place.page)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise unreachable(place.page, error) from error
    return _Shown(str(response.url), LexborHTMLParser(body.decode("utf-8", errors="replace")))


def _refused(status: int, place: _Place) -> UserMustMend:
    if status == 404 and place.session:
        return UserMustMend(
            f"the server has no session {place.session}",
            where=place.page,
            mend="Copy the address of its start links again; the session may have been deleted.",
        )
    return UserMustMend(
        f"the server answers with status {status}",
        where=place.page,
        mend="See the log of the oTree server."
        if status >= 500
        else "Check the address, and that this machine may see the page.",
    )


async def _log_in(http: aiohttp.ClientSession, login: _Shown, username: str, password: SecretStr) -> None:
    """Log in as oTree's admin; the cookie stays with the client.

    Raises:
        UserMustMend: the server does not accept them.
    """
    hidden = login.html.css("form input[type=hidden]")
    form = {field.attributes.get("name") or "": field.attributes.get("value") or "" for field in hidden}
    form |= {"username": username, "password": password.get_secret_value()}
    try:
        async with http.post(login.url, data=form, allow_redirects=False) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise unreachable(login.url, error) from error
    if status not in (301, 302, 303):
        raise UserMustMend(
            f"the server does not accept the login of {username!r}",
            where=login.url,
            mend="Set OTREE_ADMIN_USERNAME and OTREE_ADMIN_PASSWORD in bots/config/.env, or in .env of this "
            "folder, to the values they have on the server.",
        )


async def _by_rest(rest: OTreeRest, place: _Place) -> SessionLinks:
    session = place.session or await _session_in_room(rest, place)
    info = await rest.get_session(session)
    try:
        codes = {int(each["id_in_session"]): str(each["code"]) for each in info["participants"]}
    except (KeyError, TypeError, ValueError) as error:
        raise _no_session_page("the server's answer is not that of oTree", place.page) from error
    return _session_links(place, session, rest.url, [codes[number] for number in sorted(codes)])


async def _session_in_room(rest: OTreeRest, place: _Place) -> str:
    for room in await rest.rooms():
        if room.get("name") == place.room and room.get("session_code"):
            return str(room["session_code"])
    raise _empty_room(place)


def _empty_room(place: _Place) -> UserMustMend:
    return UserMustMend(
        f"there is no session in room {place.room}",
        where=place.page,
        mend="Create one in it on oTree's admin pages, or give another address.",
    )


def _links_on(shown: _Shown, place: _Place) -> SessionLinks:
    """Read the links off a page.

    Raises:
        UserMustMend: it has none, or they lead elsewhere.
    """
    hrefs = [anchor.attributes.get("href") or "" for anchor in shown.html.css("a[href]")]
    links = _absolute(hrefs, shown.url)
    codes = {code: link for link in links if (code := entry_code(link))}
    host = urlsplit(shown.url).hostname
    if strange := [link for link in codes.values() if urlsplit(link).hostname != host]:
        raise UserMustMend(
            f"the links on the page lead to another host ({urlsplit(strange[0]).hostname})",
            where=shown.url,
            mend="Open the page under the address that participants use, or put the links in a file.",
        )
    if not codes:
        raise _nothing_on(shown, place)
    # Within a room only the link to its monitor tells the session.
    named = [match["name"] for link in links if (match := _SESSION.fullmatch(urlsplit(link).path))]
    return _session_links(place, place.session or next(iter(named), None), shown.base, codes)


def _absolute(hrefs: Iterable[str], page: str) -> list[str]:
    found = []
    for href in hrefs:
        with suppress(ValueError):  # what is no address is no link of a participant
            found.append(urljoin(page, href))
    return found


def _nothing_on(shown: _Shown, place: _Place) -> UserMustMend:
    if shown.is_login:
        return UserMustMend(
            "the server asks for a login again after one that it accepted",
            where=place.page,
            mend="Set OTREE_REST_KEY in bots/config/.env, or in .env of this folder, instead, as it is on "
            "the server.",
        )
    if "/room_without_session/" in shown.url:
        return _empty_room(place)
    return _no_session_page("the page has no links of participants", shown.url)


def _session_links(place: _Place, session: str | None, base: str, codes: Iterable[str]) -> SessionLinks:
    # On the address that answered: a server behind a proxy may name itself otherwise.
    links = tuple(
        ParticipantLink(number, code, f"{base}/InitializeParticipant/{code}")
        for number, code in enumerate(codes, start=1)
    )
    if not links:
        raise _no_session_page("the session has no participants", place.page)
    return SessionLinks(place.given, session, links)
