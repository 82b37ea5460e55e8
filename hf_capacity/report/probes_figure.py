"""The probes of one model as a figure: its numbers, their spectra, and the extraction curve."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .figures import DPI, MEASURES, STYLE, WIDTH, png


# Of an exact match that is neither fit, extrapolation nor recall: what a model has seen is not known.
EXACT_MATCH = {"label": "all questions", "color": "#444444", "marker": "o", "linestyle": "-"}
GREY, BLUE = "#9A9A9A", "#0072B2"
# More numerals than these would run into each other: their values stand beside every so many.
MOST_NAMED = 12


def draw_probes(found: Mapping[str, Any]) -> bytes:
    """What `probe_model` found: numbers in their two best directions, variance by direction and by frequency, and
    exact match with the numbers projected to fewer and fewer directions.

    Returns:
        A PNG image.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 6.4), dpi=DPI, layout="constrained")
        (numbers, directions), (frequencies, extraction) = figure.subplots(2, 2)
        _draw_numbers(numbers, found)
        _draw_shares(directions, found["variance_shares"], "direction")
        directions.set_title(f"effective rank {found['effective_rank']:.2f}")
        _draw_shares(frequencies, found["fourier_shares"], "frequency")
        frequencies.set_title(f"inverse participation {found['inverse_participation_ratio']:.2f}")
        _draw_extraction(extraction, found["extraction"])
        return png(figure)


def _draw_numbers(axis: Axes, found: Mapping[str, Any]) -> None:
    """Numbers at their places, joined in their order."""
    places, shares = found["coordinates"], found["variance_shares"]
    axis.plot(*zip(*places, strict=True), color=GREY, linewidth=0.7, marker=".", markersize=3, zorder=2)
    every = -(-len(places) // MOST_NAMED)
    for number, place in list(enumerate(places))[::every]:
        axis.annotate(
            str(number), place, ha="center", va="center", color="white", fontsize=9, zorder=3,
            bbox={"boxstyle": "circle,pad=0.2", "facecolor": BLUE, "edgecolor": "none"},
        )  # fmt: skip
    axis.set_xlabel(f"direction 1 ({shares[0]:.0%} of the variance)")
    axis.set_ylabel(f"direction 2 ({shares[1]:.0%})")
    axis.margins(0.12)
    axis.set_aspect("equal", adjustable="datalim")
    axis.set_title(f"line R2 {found['number_line']:.2f}, parallelogram ratio {found['parallelogram_ratio']:.2f}")


def _draw_shares(axis: Axes, shares: Sequence[float], name: str) -> None:
    axis.bar(range(1, len(shares) + 1), shares, color=BLUE, width=0.7)
    axis.set(xlabel=name, ylabel="share of the variance", ylim=(0, 1))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(visible=False, axis="x")


def _draw_extraction(axis: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    rates = [rate for rate in rows[0]["counts"] if rate in MEASURES] or ["exact_match"]
    for rate in rates:
        tallies = [row["counts"][rate] for row in rows]
        look = MEASURES.get(rate, EXACT_MATCH) | {"label": rate.replace("_", " "), "markersize": 5}
        axis.plot([row["directions"] for row in rows], [right / asked for right, asked in tallies], **look)
    axis.set(xlabel="directions left to the numbers", ylabel="exact match", ylim=(-0.04, 1.04))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(loc="best")
    axis.set_title("extraction")
