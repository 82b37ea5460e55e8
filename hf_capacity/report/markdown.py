"""Markdown: templates filled, tables laid out, and text that cannot be taken for markup."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined

from ..boundary.shown import shown


CODE = re.compile(r"((?<!`)(?:`[^`]+`|``.+?``(?!`)|```+.+```+))")
MARKUP = re.compile(r"<(?=[A-Za-z/!?])|!(?=\[)")


def render(template: str, **content: Any) -> str:
    """A Markdown or HTML page from a Jinja template's text; blank lines that an empty part leaves are closed up."""
    jinja = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    return re.sub(r"\n{3,}", "\n\n", jinja.from_string(template).render(content))


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], num_texts: int = 3) -> str:
    """Lays a table out so that it reads well before it is rendered too; a column "differs in" is left out if empty."""
    table = [[_cell_text(text) for text in row] for row in [header, *rows]]
    if "differs in" in header and not any(row[header.index("differs in")] for row in table[1:]):
        empty = header.index("differs in")
        table = [row[:empty] + row[empty + 1 :] for row in table]
        num_texts -= 1
    widths = [max(3, *map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        [
            text.ljust(width) if column < num_texts else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in table
    ]
    rule = ["-" * width if column < num_texts else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def code(text: str) -> str:
    """A text as code, whatever backticks are in it."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if len(fence) > 1 else ""
    return f"{fence}{space}{shown(text)}{space}{fence}"


def plain(text: str) -> str:
    """A text that is not code, without what Markdown would take for a picture or for HTML."""
    return MARKUP.sub(r"\\\g<0>", shown(text))


def _cell_text(text: str) -> str:
    pieces = CODE.split(text)  # every other piece is code
    text = "".join(shown(piece) if place % 2 else plain(piece) for place, piece in enumerate(pieces))
    return text.replace("|", "\\|")
