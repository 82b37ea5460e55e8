"""The page as one HTML file that needs no network: the answer open, details folded, tables and figures to explore."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from .explorer import explorer_body
from .libraries import packed_libraries
from .markdown import render
from .tables import prepare_tables


# Open although they come after the first figure.
OPEN = ("what-was-run", "explore")


class Part(NamedTuple):
    """A section of the page: HTML with its heading, and whether it is open from the start."""

    level: int
    anchor: str
    heading: str
    body: str
    is_open: bool


def html_page(page: str, figures: Mapping[str, bytes], specs: Mapping[str, Any], cells: Mapping[Any, str]) -> str:
    """The Markdown page as one file.

    Args:
        page: Markdown.
        figures: PNG images by the names by which the page shows them.
        specs: The figures to explore, in Vega-Lite, by the element that they are drawn into.
        cells: What the figures call a cell, by the names that tables have for it (see `tables.prepare_tables`).
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("image", _picture)
    markdown.add_render_rule("link_open", _link)
    markdown.add_render_rule("table_open", lambda *_: '<div class="wide" tabindex="0"><table>\n')
    markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = markdown.parse(page)
    prepare_tables(tokens, cells)
    env = {"figures": figures}
    starts = [place for place, token in enumerate(tokens) if _begins_part(token)]
    parts = [
        _make_part(markdown, tokens[start:end], env)
        for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True)
    ]
    first = next((place for place, part in enumerate(parts) if "<img" in part.body), len(parts))
    parts = [part._replace(is_open=place <= first or part.anchor in OPEN) for place, part in enumerate(parts)]
    explore = next((place for place, part in enumerate(parts) if part.anchor == "what-was-run"), 0)
    parts.insert(explore, Part(2, "explore", "Explore", explorer_body(specs), True))
    resources = files(__package__)
    script, style, template = (
        resources.joinpath(name).read_text(encoding="utf-8") for name in ("page.js", "page.css", "page.html.jinja")
    )
    return render(
        template,
        title=page.splitlines()[0].removeprefix("# "),
        style=style,
        script=script,
        script_digest=f"sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}",
        opening=markdown.renderer.render(tokens[: starts[0]], markdown.options, env),
        parts=parts,
        libraries=packed_libraries(),
        specs=json.dumps(specs, separators=(",", ":")).replace("<", "\\u003c"),
    )


def _begins_part(token: Token) -> bool:
    return token.type == "heading_open" and token.tag in ("h2", "h3") and token.level == 0


def _make_part(markdown: MarkdownIt, tokens: Sequence[Token], env: dict[str, Any]) -> Part:
    heading = markdown.renderer.render([tokens[1]], markdown.options, env)
    body = markdown.renderer.render(list(tokens[3:]), markdown.options, env)
    anchor = re.sub(r"[^a-z0-9]+", "-", tokens[1].content.lower()).strip("-")
    return Part(int(tokens[0].tag[1]), anchor, heading, body, False)


def _picture(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: dict[str, Any]) -> str:
    """A figure of the page itself; of any other picture its words alone, so that none is asked for anywhere."""
    token = tokens[place]
    words = escape(renderer.renderInlineAsText(token.children, options, env))
    image = env["figures"].get(str(token.attrs["src"]))
    return f'<img src="data:image/png;base64,{base64.b64encode(image).decode()}" alt="{words}" />' if image else words


def _link(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: dict[str, Any]) -> str:
    tokens[place].attrSet("rel", "noreferrer")
    return renderer.renderToken(tokens, place, options, env)
