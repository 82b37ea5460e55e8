"""Ours in the paper's own scoring, beside the paper's figures."""

from collections.abc import Sequence

from ...analysis.cells import Cell
from ...analysis.paper import NUM_QUESTIONS, published_accuracy, published_loss
from ...boundary.shown import ABSENT
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import mean_text, names
from . import Section


KIND_NAMES = {"addition": "addition", "subtraction": "subtraction", "capital": "facts"}
TEMPLATE = """\
## Beside the published figures

{{ table }}

Ours, at the last checkpoint and at the study's choice ("best"), are scored here as the study scores: the integer or the
capital alone, without its end mark, on 91 equations an operation, withheld ones included, and 50 facts.

The published figures are of Barron & White (2025), [arXiv 2506.09099](https://arxiv.org/abs/2506.09099), one seed, the
study's choice. They are means of ten samples a question, hence the fractions; their 0.978 is 89/91. The published runs took
30,000 steps, with 882 windows a batch for arithmetic and 576 for capitals and both; the settings of ours are below. Losses
are in nats a character, at the last step: ours over all windows of the text, the published ones over a sample of them.
"""  # noqa: E501


def section(study: StudyResults) -> Section | None:
    table = comparison_table(study.cells)
    return Section(render(TEMPLATE, table=table)) if table else None


def comparison_table(cells: Sequence[Cell]) -> str:
    """Ours in the study's own scoring beside the published figures; empty where no cell is the study's."""
    known = [cell for cell in cells if cell.is_papers and published_accuracy(cell.task, cell.model)]
    kinds = [kind for kind in KIND_NAMES if any(kind in published_accuracy(cell.task, cell.model) for cell in known)]
    rows = []
    for cell in known:
        published = published_accuracy(cell.task, cell.model)
        row = names(cell)
        for kind in kinds:
            if kind not in published:
                row += [ABSENT] * 3
                continue
            for part in ("last", "best_on_withheld"):
                counts = [record[part]["published_scoring"][kind] for record in cell.records]
                mean = mean_text(cell.mean([right for right, _ in counts]), "{:.1f}").removesuffix(".0")
                row.append(f"{mean}/{counts[0][1]}" if cell.num_runs == 1 else mean)
            row.append(_published_fraction(published[kind], NUM_QUESTIONS[kind]))
        loss = published_loss(cell.task, cell.model)
        rows.append([*row, mean_text(cell.mean(cell.values("loss")), "{:.4f}"), loss or ABSENT])
    columns = [column for kind in kinds for column in (f"{KIND_NAMES[kind]}: last", "best", "published")]
    header = ["trained on", "model", "differs in", *columns, "loss: last", "published"]
    return markdown_table(header, rows) if rows else ""


def _published_fraction(accuracy: float, questions: int) -> str:
    """A mean over ten samples a question as a number of questions: 0.082 of 50 is 4.1/50."""
    return f"{accuracy * questions:.1f}".removesuffix(".0") + f"/{questions}"
