"""Where the marks of the trade-off figure stand: a rate against the number of parameters, in percent of the figure."""

import math
from typing import NamedTuple

from ..analysis.cells import RATES, Cell, Ladder
from ..report.figures import MEASURES


# Marks keep so many percent of the figure's width away from its sides.
MARGIN = 11
# A name's width on a phone, in percent of the figure's width a character.
CHARACTER_WIDTH = 2.7


class Mark(NamedTuple):
    """A rate of one model: its place, the ends of its interval, and the rate itself."""

    x: float
    y: float
    low: float
    high: float
    value: float
    model: str


class Series(NamedTuple):
    """A rate over the rungs of a ladder."""

    rate: str
    label: str
    marks: list[Mark]


class Name(NamedTuple):
    """What stands under the figure: a rung and its size, at its place."""

    x: float
    model: str
    num_parameters: int


def series_of(ladder: Ladder) -> list[Series]:
    """The rates that the questions of a ladder have, over its models."""
    places = _places(ladder)
    return [
        Series(
            rate, MEASURES[rate]["label"], [_mark(cell, rate, places[cell.num_parameters]) for cell in ladder.cells]
        )
        for rate in RATES
        if rate in ladder.cells[0].rates
    ]


def names_of(ladder: Ladder) -> list[Name]:
    """The rungs whose names have room on a phone; one that would run into the name before it is left out."""
    places, names, free_from = _places(ladder), [], -math.inf
    for cell in ladder.cells:
        x = places[cell.num_parameters]
        half_width = CHARACTER_WIDTH * max(len(cell.model), len(f"{cell.num_parameters:,}")) / 2
        if x - half_width > free_from:
            names.append(Name(x, cell.model, cell.num_parameters))
            free_from = x + half_width
    return names


def _places(ladder: Ladder) -> dict[int, float]:
    sizes = [cell.num_parameters for cell in ladder.cells]
    smallest, decades = min(sizes), math.log10(max(sizes) / min(sizes))
    if not decades:
        return {smallest: 50.0}
    return {size: MARGIN + (100 - 2 * MARGIN) * math.log10(size / smallest) / decades for size in sizes}


def _mark(cell: Cell, rate: str, x: float) -> Mark:
    mean = cell.mean(cell.values(rate))
    low, high = mean.interval or (min(mean.values), max(mean.values))
    if cell.num_runs == 1:
        low, high = cell.records[0]["last"]["intervals_over_questions_of_one_model"][rate]
    return Mark(x, *(100 * (1 - end) for end in (mean.value, low, high)), mean.value, cell.model)
