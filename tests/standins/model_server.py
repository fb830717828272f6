"""A local server that speaks the model providers' wire protocols, with every fault they are known for.

    OpenAI and compatible   POST …/chat/completions
    Anthropic               POST …/v1/messages
    Mistral                 POST …/v1/chat/completions
    Google                  POST …/models/MODEL:generateContent

    async with ModelServer() as server:          # answers every page with a valid decision
        environment = server.environment("sk-key")
        server.script = [Fault.HANG]             # what the next requests meet, in order

What it answers is a function of the request: `trading_answer`, or the test's own.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from types import TracebackType
from typing import Any, Self

from aiohttp import web

SERVED_MODEL = "stand-in-2026-01-01"
_TEN_MEGABYTES = 10_000_000


class Fault(Enum):
    """What can go wrong at a provider."""

    HANG = auto()
    ENDLESS = auto()  # a body that never ends, a byte at a time
    KEY_REFUSED = auto()  # 401, with the key in clear
    FORBIDDEN = auto()  # 403
    NO_SUCH_MODEL = auto()  # 404
    BAD_REQUEST = auto()  # 400
    NO_CREDIT = auto()  # 429 insufficient_quota
    LATER = auto()  # 429, Retry-After an hour
    SOON = auto()  # 429, Retry-After one second
    BROKEN = auto()  # 500
    OVERLOADED = auto()  # 529
    DROPPED = auto()  # the connection closes without an answer
    CUT = auto()  # the reply ends at max_tokens, in the middle of its JSON
    CUT_BODY = auto()  # the HTTP body is half a JSON document
    PROSE = auto()  # no JSON at all
    WRONG_SCHEMA = auto()
    REFUSAL = auto()
    HUGE = auto()  # 10 MB


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """Every text of the request, in order: system, page, earlier replies, what was wrong with them."""
        return "\n".join(_texts(self.body.get("system"), self.body.get("systemInstruction"), self._turns))

    @property
    def page(self) -> str:
        """The latest trade or forecast page in the request."""
        return max(self.text.rpartition("TRADE PAGE")[2], self.text.rpartition("FORECAST PAGE")[2], key=len)

    @property
    def forecast(self) -> bool:
        return "FORECAST PAGE" in self.text

    @property
    def tool(self) -> str | None:
        """The name of the tool the answer is wanted by, if it is."""
        return next(iter(_tool_names(self.body.get("tools"))), None)

    @property
    def _turns(self) -> Any:
        return self.body.get("messages", self.body.get("contents"))


Answer = Callable[[Asked], str]
Step = Fault | str  # a fault, or the reply's text


def trading_answer(asked: Asked) -> str:
    """Return a valid decision for the page in a request: an order at the last price, forecasts, words."""
    words = {
        "reasoning": "The price looks fair.",
        "insight": "It moves little.",
        "plan": "Trade a share a round.",
    }
    if "END OF THE P" in asked.text:
        return json.dumps({key: words[key] for key in ("insight", "plan")})
    price = _last_price(asked.text)
    if asked.forecast:
        fields = re.findall(r'- "(f\d+)": the price', asked.text)
        return json.dumps({**words, "forecasts": dict.fromkeys(fields, float(price))})
    account = re.search(r"\(([\d.]+) not reserved\), \d+ shares \((\d+) not reserved\)", asked.text)
    cash, shares = (Decimal(account[1]), int(account[2])) if account else (Decimal(0), 0)
    order = {"side": "buy", "quantity": 1, "price": float(price)}
    if shares > 4 or (cash < price and shares):
        order["side"] = "sell"
    return json.dumps({**words, "orders": [order] if shares or cash >= price else []})


def repaired_answer(asked: Asked) -> str:
    """Offer more shares than there are, until told so."""
    if asked.forecast or "short sales are not allowed" in asked.text:
        return trading_answer(asked)
    order = {"side": "sell", "quantity": 99, "price": 14}
    return json.dumps({"reasoning": "", "insight": "", "plan": "", "orders": [order]})


@dataclass(slots=True)
class ModelServer:
    """The server. Faults of `script` are used up one a request; after them `answer` answers.

    Attributes:
        delay: seconds before each answer.
        asked: the requests so far.
        listed: the models it says it has; None where it has no list.
        damage: what becomes of a reply's document on its way; the bytes it gives are sent.
        port: where it listens; a free one once it does.
    """

    answer: Answer = trading_answer
    script: list[Step] = field(default_factory=list)
    delay: float = 0.0
    listed: tuple[str, ...] | None = None
    damage: Callable[[dict[str, Any]], bytes] | None = None
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None
    _closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_TEN_MEGABYTES)
        app.router.add_post("/{path:.*}", self._handle)
        app.router.add_get("/{path:.*}", self._list_models)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        host, self.port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def environment(self, key: str = "sk-stand-in-key") -> dict[str, str]:
        """Settings that lead every provider of models.toml here."""
        return {
            **{
                f"{name}_API_KEY": key
                for name in ("OPENAI", "ANTHROPIC", "MISTRAL", "GOOGLE", "XAI", "LOCAL")
            },
            **{f"{name}_BASE_URL": f"{self.url}/v1" for name in ("OPENAI", "XAI", "LOCAL")},
            **{f"{name}_BASE_URL": self.url for name in ("ANTHROPIC", "MISTRAL", "GOOGLE")},
        }

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(request.path, dict(request.headers), await request.json())
        self.asked.append(asked)
        await asyncio.sleep(self.delay)
        step = self.script.pop(0) if self.script else self.answer(asked)
        if isinstance(step, str):
            document = _reply(asked, step)
            body = self.damage(document) if self.damage else json.dumps(document).encode()
            return web.Response(body=body, content_type="application/json")
        return await self._fail(step, asked, request)

    async def _list_models(self, request: web.Request) -> web.Response:
        asked = Asked(request.path, dict(request.headers), {})
        self.asked.append(asked)
        if self.listed is None:
            return web.Response(status=404)
        if self.script and isinstance(self.script[0], Fault):
            return _error(self.script[0], asked)
        if "x-goog-api-key" in request.headers:
            return web.json_response({"models": [{"name": f"models/{name}"} for name in self.listed]})
        return web.json_response({"object": "list", "data": [{"id": name} for name in self.listed]})

    async def _fail(self, fault: Fault, asked: Asked, request: web.Request) -> web.StreamResponse:
        match fault:
            case Fault.HANG:
                await self._closing.wait()
                return web.Response(status=503)
            case Fault.ENDLESS:
                return await self._endless(request)
            case Fault.DROPPED:
                if request.transport is not None:
                    request.transport.close()
                return web.Response(status=503)
            case _:
                return _bad_answer(fault, asked, self.answer(asked))

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        while not self._closing.is_set():
            await response.write(b" ")
            await asyncio.sleep(0.02)
        return response


def _bad_answer(fault: Fault, asked: Asked, text: str) -> web.Response:
    match fault:
        case Fault.CUT_BODY:
            whole = json.dumps(_reply(asked, text))
            return web.Response(text=whole[: len(whole) // 2], content_type="application/json")
        case Fault.CUT:
            return web.json_response(_reply(asked, text[:30], finish="length"))
        case Fault.PROSE:
            return web.json_response(_reply(asked, "I would buy a few shares."))
        case Fault.WRONG_SCHEMA:
            return web.json_response(_reply(asked, '{"action": "buy", "amount": 3}'))
        case Fault.REFUSAL:
            return web.json_response(_refusal(asked))
        case Fault.HUGE:
            return web.json_response(_reply(asked, "x" * _TEN_MEGABYTES))
        case _:
            return _error(fault, asked)


def _error(fault: Fault, asked: Asked) -> web.Response:
    key = asked.headers.get("Authorization", asked.headers.get("x-api-key", ""))
    key = key or asked.headers.get("x-goog-api-key", "")
    status, code, words, headers = {
        Fault.KEY_REFUSED: (401, "invalid_api_key", f"Incorrect API key provided: {key}", {}),
        Fault.FORBIDDEN: (403, "permission_denied", "Your project has no access to this model.", {}),
        Fault.NO_SUCH_MODEL: (404, "model_not_found", "The model does not exist.", {}),
        Fault.BAD_REQUEST: (400, "unsupported_parameter", "temperature is not supported.", {}),
        Fault.NO_CREDIT: (429, "insufficient_quota", "You exceeded your current quota.", {}),
        Fault.LATER: (429, "rate_limit_exceeded", "Too many requests.", {"retry-after": "3600"}),
        Fault.SOON: (429, "rate_limit_exceeded", "Too many requests.", {"retry-after": "1"}),
        Fault.BROKEN: (500, "server_error", "The server had an error.", {}),
        Fault.OVERLOADED: (529, "overloaded_error", "Overloaded.", {}),
    }[fault]
    if _protocol(asked) == "google":
        body: Any = {"error": {"code": status, "message": words, "status": code.upper()}}
    elif _protocol(asked) == "anthropic":
        body = {"type": "error", "error": {"type": code, "message": words}}
    else:
        body = {"error": {"message": words, "type": code, "code": code, "param": None}}
    return web.json_response(body, status=status, headers=headers)


def _protocol(asked: Asked) -> str:
    if ":generateContent" in asked.path:
        return "google"
    return "anthropic" if asked.path.endswith("/messages") else "openai"


def _reply(asked: Asked, text: str, finish: str = "stop") -> dict[str, Any]:
    return {"google": _google, "anthropic": _anthropic, "openai": _openai}[_protocol(asked)](
        asked, text, finish
    )


def _openai(asked: Asked, text: str, finish: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if asked.tool:
        call = {"id": "call_1", "type": "function", "function": {"name": asked.tool, "arguments": text}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1767225600,
        "model": SERVED_MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960},
    }


def _anthropic(asked: Asked, text: str, finish: str) -> dict[str, Any]:
    content: dict[str, Any] = {"type": "text", "text": text}
    if asked.tool and (data := _as_object(text)) is not None:
        content = {"type": "tool_use", "id": "toolu_1", "name": asked.tool, "input": data}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": SERVED_MODEL,
        "content": [content],
        "stop_reason": "max_tokens" if finish == "length" else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 900, "output_tokens": 60},
    }


def _google(asked: Asked, text: str, finish: str) -> dict[str, Any]:
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": text}]},
                "finishReason": "MAX_TOKENS" if finish == "length" else "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {"promptTokenCount": 900, "candidatesTokenCount": 60, "totalTokenCount": 960},
        "modelVersion": SERVED_MODEL,
    }


def _refusal(asked: Asked) -> dict[str, Any]:
    reply = _reply(asked, "I cannot help with trading.")
    match _protocol(asked):
        case "google":
            reply["candidates"][0] |= {"finishReason": "SAFETY", "content": {"role": "model", "parts": []}}
        case "anthropic":
            reply |= {
                "stop_reason": "refusal",
                "content": [{"type": "text", "text": "I cannot help with that."}],
            }
        case _:
            message = {"role": "assistant", "content": None, "refusal": "I cannot help with trading."}
            reply["choices"][0]["message"] = message
    return reply


def _last_price(text: str) -> Decimal:
    rows = re.findall(r"^ *\d+ +([\d.]+) +\d+ +[\d.]+ ", text, re.MULTILINE)
    initial = re.search(r"The initial price is ([\d.]+\d)", text)
    return Decimal(rows[-1] if rows else initial[1] if initial else "14")


def _as_object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _texts(*parts: Any) -> Iterable[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield from _texts(*(part[key] for key in ("content", "text", "parts") if key in part))
        elif isinstance(part, list):
            yield from _texts(*part)


def _tool_names(tools: Any) -> Iterable[str]:
    for tool in tools or ():
        yield from (str(one["name"]) for one in tool.get("functionDeclarations", ()))
        if "function" in tool or "name" in tool:
            yield str(tool.get("function", tool)["name"])
