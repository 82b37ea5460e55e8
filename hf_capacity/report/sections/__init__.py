"""The sections of a report, a file each: `section(study)` is one, or None where the study has nothing to say of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Section(NamedTuple):
    """A part of the page.

    Args:
        text: Markdown, its heading included.
        figures: PNG images by the names by which the text shows them.
    """

    text: str
    figures: Mapping[str, bytes] = MappingProxyType({})
