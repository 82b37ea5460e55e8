"""Which rates are compared: those of all questions, and extrapolation kind by kind."""

from collections.abc import Sequence

from ..analysis.cells import RATES, Cell


def rates_and_kinds(cells: Sequence[Cell]) -> list[str]:
    """The rates that all of these cells have, extrapolation followed by that of each kind of question."""
    rates = [rate for rate in RATES if all(rate in cell.rates for cell in cells)]
    place = rates.index("extrapolation") + 1 if "extrapolation" in rates else 0
    return [*rates[:place], *kinds_of(cells), *rates[place:]]


def kinds_of(cells: Sequence[Cell]) -> list[str]:
    """Extrapolation of each kind, where all of these cells withhold several: `extrapolation of subtraction`."""
    kinds = [rate for rate in cells[0].rates_by_kind if all(rate in cell.rates_by_kind for cell in cells)]
    return [rate for rate in kinds if rate.startswith("extrapolation of ")]
