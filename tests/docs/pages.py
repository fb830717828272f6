"""The project's pages, their blocks of code, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "otree_project" / "README.md",
    *sorted(
        path
        for path in (ROOT / "docs").rglob("*.md")
        if path.parent.name not in ("reference", "project")  # made from the code and from other pages
    ),
]
_FENCED = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", flags=re.M | re.S)
_INDENTED = re.compile(r"(?:^(?: {4}|\t).*\n|^\n(?= {4}))+", flags=re.M)
_STARTS = ("bots", ".venv/bin/bots", "make", "python", ".venv/bin/python")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: what its fence says, `sh` where it is only indented."""

    page: Path
    info: str
    text: str

    @property
    def language(self) -> str:
        return (self.info.split() or ["text"])[0]

    @property
    def file(self) -> str:
        """Name under which a reader is to save it; empty for none."""
        return "".join(self.info.split()[1:2])


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a page gives it; `words` without environment, remarks and redirections."""

    page: Path
    line: str
    words: tuple[str, ...]

    @property
    def verb(self) -> tuple[str, ...]:
        """`bots` and its verb, `study run` as one; `make` and its target."""
        program = self.words[0].rpartition("/")[2]
        if program == "python":
            return ("bots", "run") if self.words[1:3] == ("-m", "bots.main") else (program,)
        count = 2 if self.words[1:2] == ("study",) else 1
        return (program, *self.words[1 : 1 + count])

    @property
    def rest(self) -> tuple[str, ...]:
        """What follows the verb."""
        skip = 3 if self.words[1:3] == ("-m", "bots.main") else len(self.verb)
        return self.words[skip:]


def blocks(page: Path) -> Iterator[Block]:
    """Yield a page's blocks in their order; indented ones as `sh`."""
    text = page.read_text(encoding="utf-8")
    fences = _FENCED.finditer(text)
    found = [(at.start(), at[2].strip(), _dedented(at[3], len(at[1]))) for at in fences]
    without = _FENCED.sub(lambda match: " \n" * match[0].count("\n"), text)
    plain = re.sub(r"^ {3}(?! )", "", without, flags=re.M)
    found += [(at.start(), "sh", _dedented(at[0], 4)) for at in _INDENTED.finditer(plain)]
    for _, info, code in sorted(found):
        yield Block(page, info, code)


def _dedented(text: str, spaces: int) -> str:
    return re.sub(rf"^ {{0,{spaces}}}", "", text, flags=re.M)


def commands(page: Path) -> Iterator[Command]:
    """Yield the commands of a page: lines of its blocks of shell, and code in its sentences."""
    for block in blocks(page):
        if block.language in ("sh", "bash", "text", ""):
            for line in block.text.splitlines():
                yield from command_of(page, line)
    prose = re.sub(r"\s+", " ", _FENCED.sub("", page.read_text(encoding="utf-8")))
    for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose):
        yield from command_of(page, code)


def command_of(page: Path, line: str) -> Iterator[Command]:
    """Yield the command of a line, if it is one."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return
    cut = next((at for at, word in enumerate(words) if word in (">", "2>&1", "|", "&", "&&")), len(words))
    words = words[:cut]
    if words and words[0] in _STARTS and len(words) > 1:
        yield Command(page, line.strip(), tuple(words))
