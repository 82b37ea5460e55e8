"""Records to one page: the finding, the cells with their intervals, the figures, and how it was run."""

from .page import write_report


__all__ = ["write_report"]
