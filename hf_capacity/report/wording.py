"""How tables and sentences word a cell and its numbers."""

from collections.abc import Mapping, Sequence

from ..analysis.cells import Cell, Mean, Share
from ..analysis.times import Times
from ..boundary.shown import ABSENT


# Without an interval; of more, where they cross, only the ends.
MOST_RUNS_LISTED = 6


def names(cell: Cell) -> list[str]:
    """The columns that say which cell a row is of."""
    return [cell.task, cell.model, cell.differs]


def in_common(cells: Sequence[Cell]) -> str:
    """What all of these cells differ in from others."""
    parts = [cell.differs.split(", ") for cell in cells]
    return ", ".join(part for part in parts[0] if all(part in others for others in parts))


def has_withheld(cell: Cell) -> bool:
    """Whether its questions include unseen ones of a rule."""
    return "extrapolation" in cell.rates


def mean_text(mean: Mean, form: str = "{:.3f}") -> str:
    """A mean with its interval or, of runs too few for one, with the runs themselves; equal ones are *all alike*."""
    value = form.format(mean.value)
    if len(mean.values) < 2 and mean.interval is None:
        return value
    low, high = mean.interval or (min(mean.values), max(mean.values))
    if low == high:
        return f"{value} (all alike)"
    if mean.interval is None and len(mean.values) <= MOST_RUNS_LISTED:
        return f"{value} ({', '.join(map(form.format, mean.values))})"
    return f"{value} ({'' if mean.interval else 'runs from '}{form.format(low)} to {form.format(high)})"


def share_text(share: Share) -> str:
    """k/n with the interval of the rate, if there are runs enough for one."""
    if share.interval is None:
        return f"{share.count}/{share.total}"
    low, high = share.interval
    return f"{share.count}/{share.total} ({low:.2f} to {high:.2f})"


def median_text(times: Times) -> str:
    """The median of steps to something, if as many runs as that got there; of no runs at all nothing."""
    if not times.durations:
        return ABSENT
    return "not reached" if times.median is None else f"{times.median:,.0f}"


def difference_text(difference: Mean) -> str:
    """The difference of two means or the mean of differences, its sign always shown."""
    return mean_text(difference, "{:+.3f}")


def kinds_text(differences: Mapping[str, Mean]) -> str:
    """What is added to a difference in extrapolation: `; of addition -0.500 (-0.700 to -0.300), of ...`."""
    texts = [f"{rate.removeprefix('extrapolation ')} {difference_text(one)}" for rate, one in differences.items()]
    return f"; {', '.join(texts)}" if texts else ""


def p_text(p_value: float) -> str:
    """A p value to two digits."""
    return f"{p_value:.2g}" if p_value >= 0.0001 else "< 0.0001"


def equals(p_value: float) -> str:
    """What follows "p" in a sentence: `= 0.048`, `< 0.0001`."""
    text = p_text(p_value)
    return text if text.startswith("<") else f"= {text}"


def fraction(count: Sequence[int] | None) -> str:
    """A count of right answers."""
    return ABSENT if count is None else f"{count[0]:,}/{count[1]:,}"


def runs_text(cells: Sequence[Cell]) -> str:
    """Over how many runs each of these cells is: `6 runs each`, or `5 and 6 runs`; of crossed ones what crosses."""
    counts = [f"{cell.num_runs}" + (f" ({crossing_text(cell)})" if cell.is_crossed else "") for cell in cells]
    if len(set(counts)) > 1:
        return f"{' and '.join(counts)} runs"
    noun = "run" if counts[0] == "1" else "runs"
    return f"{counts[0]} {noun} each" if len(counts) > 1 else f"{counts[0]} {noun}"


def crossing_text(cell: Cell) -> str:
    """What its runs cross: `2 seeds x 6 splits`."""
    splits, *seeds = zip(*cell.seeds, strict=True)
    return f"{len(set(zip(*seeds, strict=True)))} seeds x {len(set(splits))} splits"
