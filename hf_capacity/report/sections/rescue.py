"""Joint runs that solve everything: under which settings and at which sizes every withheld question is right."""

from collections.abc import Sequence

from ...analysis.cells import REACHED, Cell, Share, setting_titles
from ...boundary.shown import ABSENT
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import mean_text, share_text
from . import Section


WITHHELD = "solves all withheld"
JOINTLY = "of these also fit and recall at 99 %"
FIT = "fit"
TEMPLATE = """\
## Is joint extrapolation rescued?

{{ rescue_sentence }}

{{ rescue }}

Runs on both a rule and facts, at the last checkpoint. The first two rows count, of all runs of the cell with 95 % intervals, in how many
every withheld question is right, and in how many of them fit and recall are 99 % and more too; a run counts as rescued only then. The third
is the mean fit: where a setting fits little of what it has read, another that extrapolates better may only fit better.
"""  # noqa: E501


def section(study: StudyResults) -> Section | None:
    joint = joint_cells(study.cells)
    if not joint:
        return None
    return Section(render(TEMPLATE, rescue=rescue_table(joint), rescue_sentence=rescue_sentence(joint)))


def joint_cells(cells: Sequence[Cell]) -> list[tuple[str, Cell]]:
    """The cells that both extrapolate and recall, each with its setting; none where all of them are of one setting."""
    joint = [cell for cell in cells if {"extrapolation", "recall"} <= set(cell.rates)]
    settings = setting_titles(joint)
    return list(zip(settings, joint, strict=True)) if len(set(settings)) > 1 else []


def rescue_table(joint: Sequence[tuple[str, Cell]]) -> str:
    """Three rows a setting, a column a model, small ones first; empty where there is no joint cell.

    In how many runs all is solved and, beside it, how much fits of what was read: who does not fit cannot extrapolate.
    """
    models = dict.fromkeys(cell.model for _, cell in sorted(joint, key=lambda pair: pair[1].num_parameters))
    rows = []
    for setting in dict.fromkeys(setting for setting, _ in joint):
        by_model = {cell.model: cell for title, cell in joint if title == setting}
        for name, text in ((WITHHELD, _solved_text), (JOINTLY, _jointly_text), (FIT, _fit_text)):
            texts = [text(by_model[model]) if model in by_model else ABSENT for model in models]
            rows.append([setting, name, *texts])
    return markdown_table(["trained on", "runs", *models], rows, num_texts=2) if rows else ""


def rescue_sentence(joint: Sequence[tuple[str, Cell]]) -> str:
    """The answer in words: where runs solve all withheld questions, or in how many at most where none did."""
    num_runs = sum(cell.num_runs for _, cell in joint)
    num_solved, num_jointly = (sum(count(cell).count for _, cell in joint) for count in (_solved, _jointly_solved))
    if not num_solved:
        num_settings, num_models = len({setting for setting, _ in joint}), len({cell.model for _, cell in joint})
        cells = dict.fromkeys(f"0/{cell.num_runs}, at most {_solved(cell).interval[1]:.2f}" for _, cell in joint)
        return (
            f"**All withheld questions are right at the last checkpoint in none of the {num_runs} runs** "
            f"({num_settings} settings, models: {num_models}); each cell: {' or '.join(cells)}, the upper end of the "
            "95 % interval."
        )
    places = [
        f"under {setting} at {cell.model} {_solved(cell).count}/{cell.num_runs} (jointly solved "
        f"{_jointly_solved(cell).count}/{cell.num_runs})"
        for setting, cell in joint
        if _solved(cell).count
    ]
    places += ["under none of the others"] if len(places) < len(joint) else []
    return (
        f"**All withheld questions are right at the last checkpoint in {num_solved} of {num_runs} runs** in all, and "
        f"of these {num_jointly} also fit and recall at 99 % (jointly solved): {'; '.join(places)}."
    )


def _solved_text(cell: Cell) -> str:
    return share_text(_solved(cell))


def _jointly_text(cell: Cell) -> str:
    return share_text(_jointly_solved(cell))


def _fit_text(cell: Cell) -> str:
    return mean_text(cell.mean(cell.values("fit")), "{:.2f}")


def _solved(cell: Cell) -> Share:
    return cell.share(cell.all_right("extrapolation"))


def _jointly_solved(cell: Cell) -> Share:
    rates = (cell.all_right("extrapolation"), cell.values("fit"), cell.values("recall"))
    return cell.share(
        [right and fit >= REACHED and recall >= REACHED for right, fit, recall in zip(*rates, strict=True)]
    )
