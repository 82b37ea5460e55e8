"""How all figures look.

They are drawn with matplotlib's objects alone (no pyplot), so that they can be made in any thread and leave no state
behind.
"""

import io
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..analysis.cells import RATES, Cell
from ..boundary.shown import shown


# 8 inches at 175 dots are 1,400 pixels; on paper they shrink to about 6.7 inches, and 11 points to a little over 9.
WIDTH = 8.0
DPI = 175
MARKER_SIZE = 6.5
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7,
}

# Okabe and Ito's colours, told apart by colour-blind readers; markers and dashes tell them apart without any colour.
MEASURES = {
    "fit": {"label": "seen rule questions (fit)", "color": "#0072B2", "marker": "o", "linestyle": "-"},
    "extrapolation": {
        "label": "withheld rule questions (extrapolation)",
        "color": "#D55E00",
        "marker": "^",
        "linestyle": "-",
    },
    "recall": {"label": "facts (recall)", "color": "#009E73", "marker": "s", "linestyle": (0, (4, 1.2))},
}
# A panel narrower than a quarter of the page shows nothing.
MOST_COLUMNS = 4
# One look for each size of a demand: told apart without colour too.
MARKERS = "o^sDvP*Xh<>"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def label_text(text: str) -> str:
    """A text for a figure, in which a dollar is a dollar and begins no formula."""
    return "\n".join(map(shown, text.split("\n"))).replace("$", r"\$")


def rates_of(cells: Sequence[Cell]) -> list[str]:
    return [rate for rate in RATES if any(rate in cell.rates for cell in cells)]


def png(figure: Figure) -> bytes:
    """The figure as an image."""
    image = io.BytesIO()
    # Without the version of matplotlib among the metadata: the same records give the same bytes.
    FigureCanvasAgg(figure).print_png(image, metadata={"Software": None})
    return image.getvalue()
