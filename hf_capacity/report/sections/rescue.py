"""Joint runs that solve everything: under which settings and at which sizes every withheld question is right."""

from collections.abc import Sequence

from ...analysis.cells import REACHED, Cell, Share, ladders_of, setting_titles
from ...boundary.shown import ABSENT
from ...config.hypotheses import FEWEST_RUNS
from ..claims import Claim
from ..comparisons import joint_ladders
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import mean_text, share_text
from . import Section


WITHHELD = "solves all withheld"
JOINTLY = "of these also fit and recall at 99 %"
FIT = "fit"
# How the kinds of lines with label noise begin.
CORRUPTED = "corrupted "
TEMPLATE = """\
## Is joint extrapolation rescued?

{{ rescue_sentence }}

{{ rescue }}

Runs on both a rule and facts, at the last checkpoint. *solves all withheld*: of all runs of the cell, those that get
every withheld question right. *of these also fit and recall at 99 %*: those of them whose fit and
recall are 99 % or more too; only they count as rescued. *fit*: the mean. Where a setting fits little of what it has
read, another one that extrapolates better may merely fit better.
"""


def section(study: StudyResults) -> Section | None:
    joint = joint_cells(study.cells)
    if not joint:
        return None
    return Section(render(TEMPLATE, rescue=rescue_table(joint), rescue_sentence=rescue_sentence(joint)))


def joint_cells(cells: Sequence[Cell]) -> list[tuple[str, Cell]]:
    """The cells that both extrapolate and recall, each with its setting; none where all of them are of one setting."""
    joint = [
        cell for cell in cells if {"extrapolation", "recall"} <= set(cell.rates) and not _recalls_only_noise(cell)
    ]
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
        for name, text in ((WITHHELD, _solved_text), (JOINTLY, _rescued_text), (FIT, _fit_text)):
            texts = [text(by_model[model]) if model in by_model else ABSENT for model in models]
            rows.append([setting, name, *texts])
    return markdown_table(["trained on", "runs", *models], rows, num_texts=2) if rows else ""


def rescue_sentence(joint: Sequence[tuple[str, Cell]]) -> str:
    """The answer in words: in how many runs, or in how many at most where it was none."""
    num_runs = sum(cell.num_runs for _, cell in joint)
    num_solved, num_rescued = (sum(count(cell).count for _, cell in joint) for count in (_solved, _rescued))
    sentence = f"**By the pre-registered criterion, {_verdict(joint)}**: at the last checkpoint "
    if num_solved:
        return sentence + (
            f"{num_solved} of {num_runs} joint runs get every withheld question right, and {num_rescued or 'none'} of "
            f"these also {'fit and recall' if num_rescued > 1 else 'fits and recalls'} at 99 %."
        )
    num_settings, num_models = len({setting for setting, _ in joint}), len({cell.model for _, cell in joint})
    ends = [(cell.num_runs, _solved(cell).interval) for _, cell in joint]
    cells = dict.fromkeys(f"0/{number}" + (f", at most {end[1]:.2f}" if end else "") for number, end in ends)
    upper = ", the upper end of the 95 % interval" if any(end for _, end in ends) else ""
    return sentence + (
        f"none of the {num_runs} joint runs ({num_settings} settings, models: {num_models}) gets every withheld "
        f"question right; each cell: {' or '.join(cells)}{upper}."
    )


def claims_of_joint_runs(cells: Sequence[Cell]) -> list[Claim]:
    """Whether joint runs solve everything, which the paper claims of no size; nothing of few runs."""
    ladders = joint_ladders(ladders_of(cells))
    papers = [cell for ladder in ladders for cell in ladder.cells]
    if not papers or min(cell.num_runs for cell in papers) < FEWEST_RUNS:
        return []
    num_runs, num_solved = sum(cell.num_runs for cell in papers), sum(_solved(cell).count for cell in papers)
    here = f"none of {num_runs} runs here does either"
    if num_solved:
        settings = sum(any(_solved(cell).count for cell in ladder.cells) for ladder in ladders)
        under = f" under {settings} of {len(ladders)} settings" if len(ladders) > 1 else ""
        here = f"{num_solved} of {num_runs} runs here **do**{under}"
    joint = joint_cells(cells)
    verdict = f", and by the pre-registered criterion, **{_verdict(joint)}**" if joint else ""
    claim = f"The paper claims that no joint model of any size gets every withheld equation right; {here}{verdict}."
    return [Claim(claim, 1)]  # before all differences: it is what the paper claims outright


def _recalls_only_noise(cell: Cell) -> bool:
    """Whether all its facts are corrupted lines of the rule itself."""
    last = cell.records[0]["last"]
    kinds = last.get("kinds", {}).items()
    return last["counts"]["recall"][1] == sum(parts["seen"][1] for kind, parts in kinds if kind.startswith(CORRUPTED))


def _verdict(joint: Sequence[tuple[str, Cell]]) -> str:
    num_runs = sum(cell.num_runs for _, cell in joint)
    num_rescued = sum(_rescued(cell).count for _, cell in joint)
    verb = "is" if num_rescued == 1 else "are"
    return f"{num_rescued} of {num_runs} runs {verb} rescued" if num_rescued else "no run is rescued"


def _solved_text(cell: Cell) -> str:
    return share_text(_solved(cell))


def _rescued_text(cell: Cell) -> str:
    return share_text(_rescued(cell))


def _fit_text(cell: Cell) -> str:
    return mean_text(cell.mean(cell.values("fit")), "{:.2f}")


def _solved(cell: Cell) -> Share:
    return cell.share(cell.all_right("extrapolation"))


def _rescued(cell: Cell) -> Share:
    rates = (cell.all_right("extrapolation"), cell.values("fit"), cell.values("recall"))
    return cell.share(
        [right and fit >= REACHED and recall >= REACHED for right, fit, recall in zip(*rates, strict=True)]
    )
