"""How all figures look.

They are drawn with matplotlib's objects alone (no pyplot), so that they can be made in any thread and leave no state
behind.
"""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial import KDTree

from ..analysis.cells import RATES, Cell
from ..boundary.shown import shown


# 8 inches at 175 dots are 1,400 pixels; on paper they shrink to about 6.7 inches, and 11 points to a little over 9.
WIDTH = 8.0
DPI = 175
# Of an image, and how many of these are its most frequent ones.
NUM_COLORS, NUM_AREAS = 96, 32
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

# Okabe and Ito's colours, which colour-blind readers distinguish; markers and dashes do without any colour.
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
# Extrapolation of one kind of question; a plus and a minus, since addition and subtraction come first.
KINDS = (
    {"color": "#6B2C00", "marker": "+", "linestyle": (0, (1, 1))},
    {"color": "#AA4499", "marker": "_", "linestyle": (0, (3, 1, 1, 1))},
    {"color": "#6B2C00", "marker": "x", "linestyle": (0, (5, 2))},
    {"color": "#AA4499", "marker": "1", "linestyle": (0, (1, 3))},
)
# A panel narrower than a quarter of the page shows nothing.
MOST_COLUMNS = 4
# One look for each size of a demand, distinct without colour too.
MARKERS = "o^sDvP*Xh<>"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def label_text(text: str) -> str:
    """A text for a figure, in which a dollar is a dollar and begins no formula."""
    return "\n".join(map(shown, text.split("\n"))).replace("$", r"\$")


def rates_of(cells: Sequence[Cell]) -> list[str]:
    return [rate for rate in RATES if any(rate in cell.rates for cell in cells)]


def png(figure: Figure, *, has_color_scale: bool = False) -> bytes:
    """The figure as an image.

    Args:
        figure: What was drawn.
        has_color_scale: Whether every shade of it means something; else it is of few colours, which is a third of
            the bytes and looks the same.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = Image.frombuffer("RGBA", canvas.get_width_height(physical=True), canvas.buffer_rgba()).convert("RGB")
    image = io.BytesIO()
    (drawn if has_color_scale else _reduce_colors(drawn)).save(image, "PNG", optimize=True)
    return image.getvalue()


def _reduce_colors(drawn: Image.Image) -> Image.Image:
    """The image with areas exactly as they were; what lies between them, at their edges, takes the nearest colour."""
    red, green, blue = np.moveaxis(np.asarray(drawn, dtype=np.uint32), -1, 0)
    colors, places, times = np.unique(red << 16 | green << 8 | blue, return_inverse=True, return_counts=True)
    colors = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=1)
    areas = colors[np.argsort(-times, kind="stable")[:NUM_AREAS]]
    # Each colour once: a thin line has few dots, and must not take the colour of others.
    each = Image.fromarray(colors[None].astype(np.uint8))
    edges = np.array(each.quantize(NUM_COLORS - len(areas)).getpalette()).reshape(-1, 3)
    palette = np.concatenate([areas, edges])
    few = Image.fromarray(KDTree(palette).query(colors)[1].astype(np.uint8)[places].reshape(red.shape))
    few.putpalette(palette.astype(np.uint8).tobytes())
    return few
