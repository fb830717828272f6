"""The links by which participants come in, and come back."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

# One address for many: whoever opens it becomes a participant, and is known by a cookie from then on.
_SHARED: Final = re.compile(r"/(?:join|room)/\w+/?\Z", re.ASCII)
_AT_A_PAGE: Final = re.compile(
    r"(?P<base>.*)/(?:p|InitializeParticipant|OutOfRangeNotification)/(?P<code>\w+)(?:/|\Z)", re.ASCII
)


def is_shared(link: str) -> bool:
    """Tell whether a link makes a new participant of each who opens it: session-wide, or of a room."""
    return bool(_SHARED.search(urlsplit(link).path))


def way_back(link: str, address: str) -> str:
    """Return the link by which a participant comes back to the page that is due.

    Args:
        link: by which it came in.
        address: of a page it was shown since.

    Returns:
        `link`, unless that would make it another participant: then its own, once a page has told its code.
    """
    page = urlsplit(address)
    if is_shared(link) and page.hostname == urlsplit(link).hostname and (at := _AT_A_PAGE.match(page.path)):
        return f"{page.scheme}://{page.netloc}{at['base']}/InitializeParticipant/{at['code']}"
    return link
