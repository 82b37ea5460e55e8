"""The page as one HTML file that needs no network."""

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from .markdown import render


def html_page(page: str, figures: Mapping[str, bytes]) -> str:
    """The Markdown page as one file: its figures lie inside, and wide tables scroll by themselves."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("image", _picture)
    markdown.add_render_rule("link_open", _link)
    body = markdown.render(page, {"figures": figures})
    body = re.sub(r"<table>.*?</table>", r'<div class="wide">\g<0></div>', body, flags=re.DOTALL)
    template = files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    return render(template, title=page.splitlines()[0].removeprefix("# "), body=body)


def _picture(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: dict[str, Any]) -> str:
    """A figure of the page itself; of any other picture its words alone, so that none is asked for anywhere."""
    token = tokens[place]
    words = escape(renderer.renderInlineAsText(token.children, options, env))
    image = env["figures"].get(str(token.attrs["src"]))
    return f'<img src="data:image/png;base64,{base64.b64encode(image).decode()}" alt="{words}" />' if image else words


def _link(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: dict[str, Any]) -> str:
    tokens[place].attrSet("rel", "noreferrer")
    return renderer.renderToken(tokens, place, options, env)
