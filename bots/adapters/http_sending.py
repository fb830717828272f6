"""How a form goes to the server, as a browser sends it: by the form's word, and by the button's before that.

Source: HTML Living Standard, form submission and multipart/form-data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bots.adapters.page_readers.forms import attribute, element_type, form_elements

Pairs = tuple[tuple[str, str], ...]
_BY_LINES: Final = "text/plain"
_BY_PARTS: Final = "multipart/form-data"
_BY_PAIRS: Final = "application/x-www-form-urlencoded"
_SPACE: Final = " \t\n\f\r"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the server; without a body it is a GET, and `content_type` is empty."""

    address: str
    body: bytes | None = None
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """How a form goes.

    Attributes:
        action: where to, as the page writes it; empty for the page's own address.
        base: what the page says that its addresses are relative to; empty for its own.
        method: post, get, or dialog, by which nothing is sent.
        encoding: a media type.
        uploads: names of its inputs for files; none is ever given.
    """

    action: str = ""
    base: str = ""
    method: str = "post"
    encoding: str = _BY_PAIRS
    uploads: frozenset[str] = frozenset()

    @classmethod
    def of(cls, form: LexborNode, tree: LexborHTMLParser, pressed: LexborNode | None) -> Self:
        """Return the way of a form, sent by a button or by none."""

        def says(name: str) -> str:
            by_button = pressed is not None and f"form{name}" in pressed.attributes
            return attribute(pressed, f"form{name}") if pressed and by_button else attribute(form, name)

        base = tree.css_first("base[href]")
        method, encoding = says("method").lower(), says("enctype").lower()
        elements = form_elements(form, tree)
        return cls(
            action=says("action").strip(_SPACE),
            base=attribute(base, "href").strip(_SPACE) if base is not None else "",
            method=method if method in ("post", "dialog") else "get",
            encoding=encoding if encoding in (_BY_PARTS, _BY_LINES) else _BY_PAIRS,
            uploads=frozenset(attribute(one, "name") for one in elements if element_type(one) == "file"),
        )

    def request(self, page: str, pairs: Pairs) -> Request | None:
        """Return what a browser asks of the server; None where nothing goes to a server.

        Args:
            page: address of the page with the form.
        """
        try:
            to = urldefrag(urljoin(urljoin(page, self.base), self.action) if self.action else page).url
            parts = urlsplit(to)
            plain = parts.scheme in ("http", "https") and parts.port != 0
        except ValueError:  # an address that is none
            return None
        if self.method == "dialog" or not plain:
            return None
        if self.method == "get":
            return Request(parts._replace(query=urlencode(pairs)).geturl())
        if self.encoding == _BY_PARTS:
            return Request(to, *self._parts(pairs))
        if self.encoding == _BY_LINES:
            return Request(to, "".join(f"{name}={value}\r\n" for name, value in pairs).encode(), _BY_LINES)
        return Request(to, urlencode(pairs).encode(), _BY_PAIRS)

    def _parts(self, pairs: Pairs) -> tuple[bytes, str]:
        """Return the body, and its media type with the mark between its parts."""
        from urllib3.fields import RequestField  # few forms need it
        from urllib3.filepost import encode_multipart_formdata

        no_file = ("", "", "application/octet-stream")
        sent = ((name, no_file if name in self.uploads else value) for name, value in pairs)
        return encode_multipart_formdata([RequestField.from_tuples(*one) for one in sent])
