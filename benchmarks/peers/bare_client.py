"""The floor: posts the bench app's forms and reads nothing but where they go. python bare_client.py LINK…"""

import asyncio
import sys
from urllib.parse import urlencode

import aiohttp

FORM = urlencode({"first": 1, "second": 1, "third": 1}).encode()
HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


async def play(http: aiohttp.ClientSession, link: str) -> None:
    """Go through the pages of one participant to the one without a button."""
    async with http.get(link) as answer:
        address, page = answer.url, await answer.text()
    while "otree-btn-next" in page:
        async with http.post(address, data=FORM, headers=HEADERS) as answer:
            address, page = answer.url, await answer.text()


async def main(links: list[str]) -> None:
    """Play all links at the same time."""
    connector = aiohttp.TCPConnector(limit=32, keepalive_timeout=3)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        await asyncio.gather(*(play(http, link) for link in links))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
