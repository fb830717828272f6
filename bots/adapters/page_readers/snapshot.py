"""What a transport hands to the readers: one loading of a document, as the participant has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document as text, the same from a browser and from a browserless client.

    Attributes:
        visit: names this loading of the document; a reload is another.
        address: the document's whole address, after all redirects.
        html: the document; from a browser, as its scripts have made it.
        loaded_at: when it could be read first, monotonic seconds; page timers count from here.
        status: HTTP status of the document; 0 where it is not known.
        scripted: whether the page's scripts run, so that its own controls can be used.
        told: what the page's own `readPage()` says, with `failed` where it failed; None where it has none.
        frames: payloads of the live frames received on this visit, oldest first.
        script_files: addresses of its script files that are read where its scripts do not run.
    """

    visit: str
    address: str
    html: str = field(repr=False)
    loaded_at: float
    status: int = 200
    scripted: bool = False
    told: Any = field(default=None, repr=False)
    frames: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    script_files: tuple[str, ...] = field(default=(), repr=False)
