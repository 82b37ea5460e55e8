"""Ours in the paper's own scoring, beside the paper's figures."""

from collections.abc import Sequence

from ...analysis.cells import Cell
from ...analysis.paper import NUM_QUESTIONS, papers_accuracy, papers_loss
from ...boundary.shown import ABSENT
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import mean_text, names
from . import Section


KIND_NAMES = {"addition": "addition", "subtraction": "subtraction", "capital": "facts"}
TEMPLATE = """\
## Beside the paper's figures

{{ table }}

Ours, at the last checkpoint and at the paper's choice ("best"), are scored here as in the paper: the integer or the
capital alone, without its end mark, on 91 equations an operation, withheld ones included, and 50 facts.

The paper's figures are those of Barron & White (2025), [arXiv 2506.09099](https://arxiv.org/abs/2506.09099): one seed,
the checkpoint of their choice, and means of ten samples a question, hence the fractions; their 0.978 is 89/91. Their
runs took 30,000 steps, with 882 windows a batch for arithmetic and 576 for capitals and both; the settings of ours are
below. Losses are in nats a character at the last step: ours over all windows of the text, the paper's over a sample of
them.
"""


def section(study: StudyResults) -> Section | None:
    table = comparison_table(study.cells)
    return Section(render(TEMPLATE, table=table)) if table else None


def comparison_table(cells: Sequence[Cell]) -> str:
    """Ours in the paper's scoring beside the paper's figures; empty where no cell is one of the paper's."""
    known = [cell for cell in cells if cell.is_papers and papers_accuracy(cell.task, cell.rung)]
    kinds = [kind for kind in KIND_NAMES if any(kind in papers_accuracy(cell.task, cell.rung) for cell in known)]
    rows = []
    for cell in known:
        papers = papers_accuracy(cell.task, cell.rung)
        row = names(cell)
        for kind in kinds:
            if kind not in papers:
                row += [ABSENT] * 3
                continue
            for part in ("last", "best_on_withheld"):
                counts = [record[part]["published_scoring"][kind] for record in cell.records]
                mean = cell.mean([right for right, _ in counts], (0, counts[0][1]))
                mean = mean_text(mean, "{:.1f}").removesuffix(".0")
                row.append(f"{mean}/{counts[0][1]}" if cell.num_runs == 1 else mean)
            row.append(_papers_fraction(papers[kind], NUM_QUESTIONS[kind]))
        loss = papers_loss(cell.task, cell.rung)
        rows.append([*row, mean_text(cell.mean(cell.values("loss"), None), "{:.4f}"), loss or ABSENT])
    columns = [column for kind in kinds for column in (f"{KIND_NAMES[kind]}: last", "best", "paper")]
    header = ["trained on", "model", "differs in", *columns, "loss: last", "paper"]
    return markdown_table(header, rows) if rows else ""


def _papers_fraction(accuracy: float, questions: int) -> str:
    """A mean over ten samples a question as a number of questions: 0.082 of 50 is 4.1/50."""
    return f"{accuracy * questions:.1f}".removesuffix(".0") + f"/{questions}"
