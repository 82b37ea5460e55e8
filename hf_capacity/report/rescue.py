"""Joint runs that solve everything: under which settings and at which sizes every withheld question is right."""

from collections.abc import Sequence

from .analyses import REACHED
from .cells import Cell, Share
from .tables import ABSENT, markdown_table, share_text


WITHHELD = "solves all withheld"
JOINTLY = "of these also fit and recall at 99 %"


def joint_cells(cells: Sequence[Cell]) -> list[Cell]:
    """The cells that both extrapolate and recall; none where all of them are of one setting."""
    joint = [cell for cell in cells if {"extrapolation", "recall"} <= set(cell.rates)]
    return joint if len({cell.title for cell in joint}) > 1 else []


def rescue_table(joint: Sequence[Cell]) -> str:
    """Two rows a setting, a column a model, small ones first: in how many runs; empty where there is no joint cell."""
    models = dict.fromkeys(cell.model for cell in sorted(joint, key=lambda cell: cell.num_parameters))
    rows = []
    for title in dict.fromkeys(cell.title for cell in joint):
        of_setting = {cell.model: cell for cell in joint if cell.title == title}
        for name, count in ((WITHHELD, _solved), (JOINTLY, _jointly_solved)):
            shares = [share_text(count(of_setting[model])) if model in of_setting else ABSENT for model in models]
            rows.append([title, name, *shares])
    return markdown_table(["trained on", "runs", *models], rows, num_texts=2) if rows else ""


def rescue_sentence(joint: Sequence[Cell]) -> str:
    """The answer in words: where runs solve all withheld questions, or how many did so at most where none did."""
    if not joint:
        return ""
    solved = [cell for cell in joint if _solved(cell).count]
    num_runs = sum(cell.num_runs for cell in joint)
    num_solved, num_jointly = (sum(count(cell).count for cell in joint) for count in (_solved, _jointly_solved))
    if not solved:
        cells = {f"0/{cell.num_runs}, at most {_solved(cell).interval[1]:.2f}" for cell in joint}
        return (
            f"**All withheld questions are right at the last checkpoint in none of the {num_runs} runs** of "
            f"{len({cell.title for cell in joint})} settings and {len({cell.model for cell in joint})} sizes; each "
            f"cell: {' or '.join(sorted(cells))}, the upper end of the 95 % interval."
        )
    places = [
        f"under {cell.title} at {cell.model} {_solved(cell).count}/{cell.num_runs} (jointly solved "
        f"{_jointly_solved(cell).count}/{cell.num_runs})"
        for cell in solved
    ]
    places += ["under none of the others"] if len(solved) < len(joint) else []
    return (
        f"**All withheld questions are right at the last checkpoint in {num_solved} of {num_runs} runs** "
        f"in all, and of these {num_jointly} also fit and recall at 99 % (jointly solved): "
        f"{'; '.join(places)}."
    )


def _solved(cell: Cell) -> Share:
    return cell.share(cell.all_right("extrapolation"))


def _jointly_solved(cell: Cell) -> Share:
    rates = (cell.all_right("extrapolation"), cell.values("fit"), cell.values("recall"))
    return cell.share(
        [right and fit >= REACHED and recall >= REACHED for right, fit, recall in zip(*rates, strict=True)]
    )
