"""The checkpoints that the paper would have chosen, and how much the choice flatters."""

from collections.abc import Sequence

from ...analysis.cells import RATES, Cell
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import fraction, has_withheld, mean_text, names, share_text
from . import Section


TEMPLATE = """\
## Best on withheld (the paper's choice)

{{ table }}

The paper reports the evaluation with the best accuracy over all questions, the withheld ones included. It is thus
chosen on the very questions that are then counted, so it stands only beside the last checkpoint.
{{- " *best - last* is how much the choice flatters extrapolation." if study.most_runs > 1 }}
"""


def section(study: StudyResults) -> Section | None:
    table = choice_table(study.cells)
    return Section(render(TEMPLATE, study=study, table=table)) if table else None


def choice_table(cells: Sequence[Cell]) -> str:
    """The checkpoints that the paper would have chosen; of several runs, how much the choice flatters."""
    if all(cell.num_runs == 1 for cell in cells):
        rows = []
        for cell in cells:
            best = cell.records[0]["best_on_withheld"]
            counts = [fraction(best["counts"].get(rate)) for rate in RATES]
            rows.append([*names(cell), f"{best['step']:,}", *counts, f"{best['loss']:.3f}"])
        return markdown_table(["trained on", "model", "differs in", "step", *RATES, "loss"], rows)
    rows = []
    for cell in filter(has_withheld, cells):
        last, best = cell.values("extrapolation"), cell.values("extrapolation", "best_on_withheld")
        shares = [cell.share(cell.all_right("extrapolation", part)) for part in ("last", "best_on_withheld")]
        flattery = cell.mean([b - a for a, b in zip(last, best, strict=True)], (-1, 1))
        rows.append([*names(cell), str(cell.num_runs), *map(share_text, shares), mean_text(flattery, "{:+.3f}")])
    header = ["trained on", "model", "differs in", "runs", "all right, last", "all right, best", "best - last"]
    return markdown_table(header, rows) if rows else ""
