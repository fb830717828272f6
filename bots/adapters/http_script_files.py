"""The script files of pages that are open without a browser: loaded once, and what bots must know of them."""

from __future__ import annotations

import asyncio
import contextlib
import html
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urldefrag, urljoin, urlsplit

import aiohttp
from yarl import URL

from bots.adapters.http_scripts import IGNORED, Does, does

_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG: Final = re.compile(r"<script\b([^>]*)>", re.IGNORECASE)
_SOURCE: Final = re.compile(r"""\ssrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_OTREE_S_OWN: Final = re.compile(r"/static/(?:otree|bootstrap5)/")
_MOST_FILES: Final = 100  # of all pages of a run; a server that names ever new ones is not followed
_MOST_BYTES: Final = 2_000_000
_MOST_SECONDS: Final = 10.0


class ScriptFiles:
    """What the script files of pages do, known for the files that were loaded."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._known: dict[str, Does] = {}
        self._loading = asyncio.Lock()

    async def load(self, files: Iterable[str]) -> None:
        """Load those of a page's files, by address, that are not known yet, one after another."""
        for file in files:
            if file not in self._known:
                async with self._loading:
                    if file not in self._known and len(self._known) < _MOST_FILES:
                        await self._load(file)

    def do(self, files: Iterable[str]) -> Does:
        """Return what the known ones of a page's files do, all together."""
        together = Does.NOTHING
        for file in files:
            together |= self._known.get(file, Does.NOTHING)
        return together

    async def _load(self, file: str) -> None:
        """Load one; what does not come is no part of the page, as in a browser, and is asked for again."""
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with (
                asyncio.timeout(_MOST_SECONDS),
                self._http.get(URL(file), allow_redirects=False) as response,
            ):
                source = b""
                if response.status == 200:
                    source = await _up_to(response.content, _MOST_BYTES)
                self._known[file] = does(source.decode("utf-8", "replace"))


def script_files(page: str, address: str) -> tuple[str, ...]:
    """Return the addresses of the script files on its own host of a page that came from an address.

    Left out are those of oTree itself, those that bots can do without as the page says, and those of other
    hosts: nothing of a participant is told to them.
    """
    found = []
    tags = (tag for tag in _TAG.findall(_COMMENT.sub("", page)) if IGNORED not in tag)
    for quoted, apostrophed, bare in (source.groups() for tag in tags if (source := _SOURCE.search(tag))):
        named = html.unescape(quoted or apostrophed or bare or "").strip()
        with contextlib.suppress(ValueError):  # an address that is none
            file = urldefrag(urljoin(address, named)).url
            if _same_place(file, address) and not _OTREE_S_OWN.search(urlsplit(file).path):
                found.append(file)
    return tuple(found)


def _same_place(one: str, other: str) -> bool:
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.netloc) == (second.scheme, second.netloc)


async def _up_to(content: aiohttp.StreamReader, size: int) -> bytes:
    """Read a body to its end, or to a size: what stands in its beginning is judged."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) >= size:
            break
    return bytes(body[:size])
