"""How tables and sentences word a cell and its numbers."""

from collections.abc import Sequence

from ..analysis.cells import Cell, Mean, Share
from ..boundary.shown import ABSENT


def names(cell: Cell) -> list[str]:
    """The columns that say which cell a row is of."""
    return [cell.task, cell.model, cell.differs]


def has_withheld(cell: Cell) -> bool:
    """Whether its questions include unseen ones of a rule."""
    return "extrapolation" in cell.rates


def mean_text(mean: Mean, form: str = "{:.3f}") -> str:
    """A mean with its interval; runs that all came out the same have none that means anything."""
    if mean.interval is None:
        return form.format(mean.value)
    low, high = mean.interval
    ends = "all alike" if low == high else f"{form.format(low)} to {form.format(high)}"
    return f"{form.format(mean.value)} ({ends})"


def share_text(share: Share) -> str:
    """k/n with the interval of the rate, if there are runs enough for one."""
    if share.interval is None:
        return f"{share.count}/{share.total}"
    low, high = share.interval
    return f"{share.count}/{share.total} ({low:.2f} to {high:.2f})"


def p_text(p_value: float) -> str:
    """A p value to two digits."""
    return f"{p_value:.2g}" if p_value >= 0.0001 else "< 0.0001"


def equals(p_value: float) -> str:
    """What follows "p" in a sentence: `= 0.048`, `< 0.0001`."""
    text = p_text(p_value)
    return text if text.startswith("<") else f"= {text}"


def at_most(p_value: float) -> str:
    """What follows "p" of several that are no greater: `≤ 0.048`, `< 0.0001`."""
    text = p_text(p_value)
    return text if text.startswith("<") else f"≤ {text}"


def fraction(count: Sequence[int] | None) -> str:
    """A count of right answers."""
    return ABSENT if count is None else f"{count[0]:,}/{count[1]:,}"


def runs_text(cells: Sequence[Cell]) -> str:
    """Over how many runs each of these cells is: `6 runs each`, or `5 and 6 runs`; of crossed ones how many count."""
    counts = []
    for cell in cells:
        independent = len(cell.units(cell.values("loss")))
        counts.append(f"{cell.num_runs}" + (f" ({independent} independent)" if cell.is_crossed else ""))
    if len(set(counts)) > 1:
        return f"{' and '.join(counts)} runs"
    noun = "run" if counts[0] == "1" else "runs"
    return f"{counts[0]} {noun} each" if len(counts) > 1 else f"{counts[0]} {noun}"
