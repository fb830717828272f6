"""One budget and one pace a provider for models that are asked on many machines.

The process that has the money listens; each request asks it first and tells it afterwards. A line of JSON is
a message. One connection is one request:

    → {"token", "provider", "tokens", "most", "seconds", "account"}     before it is sent
    ← {"granted": true} or {"refused": kind, "reason", "retry_after"}
    → {"used": usage or null}                                           once it is over

or a greeting, which is returned, or one market, which is to end when the connection does:

    → {"token", "market"}
    ← {"begun": whether it was begun before} or {"stop": true}
    ← {"stop": true}                                                    when it is to end

A connection that breaks before it tells what was used was that of a machine that is lost: all that was set
aside counts as used. No key passes here.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import SecretStr, TypeAdapter

from bots.adapters.models.allowances import Allowances, Held
from bots.adapters.models.limits import Spent, booked
from bots.domain.chat import ModelFailed
from bots.domain.errors import FailureKind
from bots.domain.ports import Clock
from bots.domain.records import Usage

_USAGE: Final = TypeAdapter(Usage)
_CONNECT_SECONDS: Final = 20.0
_SILENT: Final = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
"""Seconds and tries after which a machine that says nothing any more is lost."""

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LedgerAddress:
    """Where the ledger listens, and what whoever asks it has to know."""

    host: str
    port: int
    token: SecretStr


@dataclass(slots=True)
class Ledger:
    """Answers those who ask models elsewhere.

    Args:
        allowances: what all of them share, with whoever asks models in this process.
        stop: set where markets are to end.
        booked: is told the account of each request that is over, and what it used.
        over_budget: is called where the budget has no room for a request.
    """

    allowances: Allowances
    clock: Clock
    stop: asyncio.Event
    booked: Callable[[str, Spent], None]
    over_budget: Callable[[], None]
    token: str = field(default_factory=secrets.token_hex, repr=False)
    _begun: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def listening(self, host: str) -> AsyncIterator[LedgerAddress]:
        """Listen on a free port of an address of this machine.

        Raises:
            OSError: nobody can listen there.
        """
        asking: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                asking.add(task)
                task.add_done_callback(asking.discard)
            await self._serve(reader, writer)

        server = await asyncio.start_server(accept, host, 0)
        try:
            yield LedgerAddress(host, server.sockets[0].getsockname()[1], SecretStr(self.token))
        finally:
            server.close()
            for task in tuple(asking):
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _keep_alive(writer)
        try:
            message = await _read(reader)
            if not hmac.compare_digest(str(message.get("token")), self.token):
                return
            if "hello" in message:
                _write(writer, {"hello": True})
                await writer.drain()
            elif "market" in message:
                await self._attend(str(message["market"]), reader, writer)
            else:
                await self._allow(message, reader, writer)
        except (ConnectionError, ValueError, KeyError, TypeError):
            pass  # it is gone, or none of ours; what was set aside is counted
        finally:
            writer.close()

    async def _attend(self, market: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stay with a market until it is over or is to end."""
        if not self.stop.is_set():
            _write(writer, {"begun": market in self._begun})
            self._begun.add(market)
            over, stopped = asyncio.create_task(reader.read()), asyncio.create_task(self.stop.wait())
            try:
                await asyncio.wait({over, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                over.cancel()
                stopped.cancel()
                await asyncio.gather(over, stopped, return_exceptions=True)
        _write(writer, {"stop": True})
        await writer.drain()

    async def _allow(
        self, message: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        most = _USAGE.validate_python(message["most"])
        deadline = self.clock.monotonic() + float(message["seconds"])
        allowance, account = self.allowances.of(str(message["provider"])), str(message["account"])
        try:
            async with allowance.hold(int(message["tokens"]), most, deadline) as held:
                try:
                    if reader.at_eof():
                        held.usage = None
                        raise ConnectionResetError("gone before it had room")
                    _write(writer, {"granted": True})
                    told = await _read(reader)
                    held.usage = None if told["used"] is None else _USAGE.validate_python(told["used"])
                finally:
                    self.booked(account, booked(most, held.usage))
        except ModelFailed as failed:
            if failed.kind is FailureKind.OVER_BUDGET:
                self.over_budget()
            refused = {"refused": failed.kind.value, "reason": failed.reason}
            _write(writer, refused | {"retry_after": failed.retry_after})
            await writer.drain()


@dataclass(frozen=True, slots=True)
class _RemoteAllowance:
    ledger: RemoteLedger
    provider: str

    @asynccontextmanager
    async def hold(self, tokens: int, most: Usage, deadline: float) -> AsyncIterator[Held]:
        ledger = self.ledger
        asked = {
            "token": ledger.address.token.get_secret_value(),
            "provider": self.provider,
            "tokens": tokens,
            "most": most.model_dump(mode="json"),
            "account": ledger.account,
        }
        async with ledger.connected(deadline) as (reader, writer):
            _write(writer, asked | {"seconds": deadline - ledger.clock.monotonic()})
            answer = await ledger.answered(_read(reader))
            if "refused" in answer:
                kind = FailureKind(answer["refused"])
                raise ModelFailed(kind, answer["reason"], retry_after=answer["retry_after"])
            held = Held()
            try:
                yield held
            finally:
                used = None if held.usage is None else held.usage.model_dump(mode="json")
                _write(writer, {"used": used})


@dataclass(slots=True)
class RemoteLedger:
    """The ledger as a market on another machine has it; nobody is asked without it.

    Args:
        account: whose requests these are.
        lost: set once the ledger cannot be reached, or says that the market is to end.
    """

    address: LedgerAddress
    account: str
    clock: Clock
    lost: asyncio.Event
    begun: bool = False
    _made: dict[str, _RemoteAllowance] = field(default_factory=dict)

    def of(self, provider: str) -> _RemoteAllowance:
        """Return the allowance of a provider; always the same one."""
        return self._made.setdefault(provider, _RemoteAllowance(self, provider))

    async def greet(self) -> None:
        """Find out whether the ledger can be reached.

        Raises:
            ModelFailed: it cannot.
        """
        async with self.connected(self.clock.monotonic() + _CONNECT_SECONDS) as (reader, writer):
            _write(writer, {"token": self.address.token.get_secret_value(), "hello": True})
            await self.answered(_read(reader))

    @asynccontextmanager
    async def attending(self, market: str) -> AsyncIterator[None]:
        """Name a market to the ledger and play it in the body; `lost` is set when it is to end.

        Attribute `begun` tells whether this market was begun on a machine that is lost.
        """
        async with self.connected(self.clock.monotonic() + _CONNECT_SECONDS) as (reader, writer):
            _write(writer, {"token": self.address.token.get_secret_value(), "market": market})
            answer = await self.answered(_read(reader))
            self.begun = bool(answer.get("begun"))
            if "stop" in answer:
                self.lost.set()
            watching = asyncio.create_task(self._watch(reader))
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError):
            await reader.readline()  # that it is to end, or the end of the connection
        self.lost.set()

    @asynccontextmanager
    async def connected(
        self, deadline: float
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Yield a connection to the ledger.

        Raises:
            ModelFailed: it cannot be reached before the deadline.
        """
        opening = asyncio.open_connection(self.address.host, self.address.port)
        reader, writer = await self.answered(asyncio.wait_for(opening, _until(deadline, self.clock)))
        _keep_alive(writer)
        try:
            yield reader, writer
        finally:
            writer.close()

    async def answered(self, answer: Any) -> Any:
        """Return what the ledger answers.

        Raises:
            ModelFailed: it is gone; the market then is to end.
        """
        try:
            return await answer
        except (OSError, ValueError, TimeoutError) as error:
            self.lost.set()
            reason = "the process that keeps the budget of all markets cannot be reached"
            raise ModelFailed(FailureKind.UNAVAILABLE, reason) from error


def _until(deadline: float, clock: Clock) -> float:
    return max(0.0, min(_CONNECT_SECONDS, deadline - clock.monotonic()))


def _write(writer: asyncio.StreamWriter, message: Message) -> None:
    if not writer.is_closing():
        writer.write(json.dumps(message).encode() + b"\n")


async def _read(reader: asyncio.StreamReader) -> Message:
    """Return the next message.

    Raises:
        ConnectionError: there is none any more.
        ValueError: it is no message.
    """
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise ConnectionResetError("the other side is gone")
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("no message")  # noqa: TRY004 - bytes of a stranger
    return message


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    """Have the system notice a machine that is gone without a word."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SILENT:
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
