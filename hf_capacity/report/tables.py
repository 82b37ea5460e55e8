"""Tables of the HTML page: what columns sort by, and links from a cell to its learning curves."""

import re
from collections.abc import Mapping, Sequence

from markdown_it.token import Token


# What a number begins with: a count of a total, or a number with its thousands.
FRACTION = re.compile(r"([\d,]+)/([\d,]+)")
NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?")
# The columns that name a cell, as `wording.names` has them.
NAMES = ("trained on", "model", "differs in")


def prepare_tables(tokens: list[Token], cells: Mapping[tuple[str, ...], str]) -> None:
    """Marks the tables of a parsed page, in place.

    Args:
        tokens: The page.
        cells: By the names in a row (`trained on`, `model`, `differs in`; empty where a table has no such column),
            what a link to the cell's learning curves is to carry.
    """
    header: list[str] = []
    row: list[tuple[Token, Token]] = []
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            header = []
        elif token.type == "th_open":
            header.append(_text(tokens[place + 1]))
        elif token.type == "tr_open":
            row = []
        elif token.type == "td_open":
            row.append((token, tokens[place + 1]))
        elif token.type == "tr_close" and row:
            _prepare_row(header, row, cells)


def sort_key(text: str) -> float | None:
    """What a text of a column of numbers sorts by: its share of a total, or the number that it begins with."""
    if found := FRACTION.match(text):
        count, total = (int(number.replace(",", "")) for number in found.groups())
        return count / total if total else None
    found = NUMBER.match(text)
    return float(found[0].replace(",", "")) if found else None


def _prepare_row(header: Sequence[str], row: list[tuple[Token, Token]], cells: Mapping[tuple[str, ...], str]) -> None:
    for cell, content in row:
        if "right" in str(cell.attrGet("style")):
            key = sort_key(_text(content))
            cell.attrSet("data-order", "" if key is None else f"{key:g}")
    named = dict(zip(header, (content for _, content in row), strict=False))
    name = cells.get(tuple(_text(named[column]) if column in named else "" for column in NAMES))
    if name and "model" in named:
        attributes = {"href": "#over-training", "data-cell": name, "title": "its learning curves"}
        content = named["model"]
        content.children = [
            Token("link_open", "a", 1, attrs=attributes),
            *content.children,
            Token("link_close", "a", -1),
        ]


def _text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())
