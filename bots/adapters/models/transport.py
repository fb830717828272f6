"""One HTTP client a provider: no retries, no redirects, and a reply of bounded size."""

from __future__ import annotations

import logging
import warnings
from collections.abc import AsyncIterator

import httpx2

MOST_BYTES = 2_000_000  # of one reply; a decision needs a few thousand
_CONNECT_SECONDS = 5.0
_LOUD = ("openai", "anthropic", "httpx", "httpx2", "httpcore", "httpcore2", "google_genai", "mistralai")


class ReplyTooLarge(httpx2.TransportError):
    """More than `MOST_BYTES` came, or bytes whose real size cannot be told."""


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Passes requests on and stops reading a reply that grows past `most` bytes.

    Replies are asked for uncompressed, so that a small one cannot unpack into a large one.
    """

    def __init__(self, wrapped: httpx2.AsyncBaseTransport, most: int = MOST_BYTES) -> None:
        self._wrapped = wrapped
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["accept-encoding"] = "identity"
        response = await self._wrapped.handle_async_request(request)
        declared = response.headers.get("content-length", "0")
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity" or not declared.isdigit() or int(declared) > self._most:
            await response.aclose()
            raise ReplyTooLarge(f"the reply is larger than {self._most} bytes, or compressed")
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _BoundedStream(response.stream, self._most)
        return response

    async def aclose(self) -> None:
        await self._wrapped.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, wrapped: httpx2.AsyncByteStream, most: int) -> None:
        self._wrapped = wrapped
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self._wrapped:
            read += len(chunk)
            if read > self._most:
                raise ReplyTooLarge(f"the reply is larger than {self._most} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._wrapped.aclose()


def open_client(connections: int, proxy: str | None = None) -> httpx2.AsyncClient:
    """Return a client whose pool holds `connections`; the caller closes it.

    Time is bounded by the decision's deadline around each request, not here.
    """
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    transport = httpx2.AsyncHTTPTransport(limits=limits, proxy=proxy, trust_env=False)
    return httpx2.AsyncClient(
        transport=BoundedTransport(transport),
        timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
    )


def keep_libraries_quiet() -> None:
    """Hold the client libraries' logs at warnings: their debug lines carry prompts and request headers.

    A reply whose tokens cannot be told is recorded as such; that needs no line on the terminal.
    """
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message="Failed to extract usage")
