"""Texts that were reviewed and are kept word for word: `UPDATE_GOLDEN=1` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def assert_reviewed(name: str, text: str) -> None:
    """Check that a text is the one that was reviewed under its name."""
    path, kept = GOLDEN / f"{name}.txt", f"{text}\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(kept, encoding="utf-8")
    assert kept == path.read_text(encoding="utf-8")
