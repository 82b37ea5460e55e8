"""The headline: a row a cell, and what its columns mean."""

from collections.abc import Sequence
from typing import Any

from ...analysis.cells import RATES, Cell
from ...boundary.shown import ABSENT
from ..markdown import markdown_table, render
from ..study import StudyResults
from ..wording import fraction, has_withheld, mean_text, names, share_text
from . import Section


TEMPLATE = """\
## Last checkpoint

{{ table }}

An answer is right when greedy decoding writes all of it and its end mark.
{%- if study.most_runs > 1 %} Rates are means over runs
{{- "; a cell with one run shows right answers of questions asked" if study.fewest_runs == 1 }}.
{%- else %} Each cell counts right answers of all questions asked.
{%- endif %}


- **fit**: rule questions whose line was in the training text.
- **extrapolation**: rule questions whose line was withheld.
- **recall**: facts, all of them in the training text
{{- "; where answers are corrupted or shuffled these are its facts, which can only be known" if is_changed }}.
{% if study.most_runs > 1 %}
- **all withheld right**: runs that get every withheld question right.
{% endif %}
- **loss**: mean cross-entropy over the training text, in nats a character
{{- "; with the loss on answers, over these and their end marks alone" if has_loss_on_answers }}.
- **best on withheld**: extrapolation at the evaluation that the paper would choose
{{- ", and its step" if study.most_runs == 1 }} (see below).
- **late solved**: {{ "share of the " if study.most_runs > 1 }}evaluations in the last fifth of the run in which every
  withheld question was right.
- **floor**: what the best constant answer, or the best copied part of the prompt, gets right on the same questions; it
  is chosen on the seen ones.
- **parameters**: all unique ones, positions included. The paper counts them **without positions**.

{% if study.most_runs == 1 %}
Wilson 95 % intervals over the questions of one model say how precisely each of these models was measured. They say
nothing about other seeds and are never pooled over models:

{{ intervals }}

{% endif %}
"""


def section(study: StudyResults) -> Section:
    table, intervals = cell_table(study.cells), questions_interval_table(study.cells)
    kinds = {kind for record in study.records for kind in record["last"].get("kinds", {})}
    notes = {
        "is_changed": any(kind.startswith(("corrupted ", "shuffled ")) for kind in kinds),
        "has_loss_on_answers": any("loss_on" in record["config"] for record in study.records),
    }
    return Section(render(TEMPLATE, study=study, table=table, intervals=intervals, **notes))


def cell_table(cells: Sequence[Cell]) -> str:
    """The headline: a row a cell, rates before counts, and under the cells of one training set their floor.

    A single run shows its counts; several show their mean, its interval, and in how many all was right.

    Args:
        cells: In the order of `cells_of`.

    Returns:
        The table without a newline at its end.
    """
    many = any(cell.num_runs > 1 for cell in cells)
    rows = []
    for place, cell in enumerate(cells):
        record = cell.records[0]
        row = [*names(cell), *(_rate(cell, rate) for rate in RATES)]
        row += [share_text(cell.share(cell.all_right("extrapolation")))] if many and has_withheld(cell) else []
        row += [ABSENT] if many and not has_withheld(cell) else []
        row += [_best(cell), _late(cell), mean_text(cell.mean(cell.values("loss"), None), "{:.3f}")]
        row += [str(cell.num_runs)] if many else []
        row += [f"{cell.num_parameters:,}", f"{record['num_parameters_without_positions']:,}"]
        rows.append(row)
        if place + 1 == len(cells) or cells[place + 1].task != cell.task:
            group = [record for other in cells if other.task == cell.task for record in other.records]
            floors = [_floor(group, rate) for rate in RATES]
            rows.append([cell.task, "*floor*", "", *floors])
            rows[-1] += [""] * (len(row) - len(rows[-1]))
    columns = [*RATES, *(["all withheld right"] if many else []), "best on withheld", "late solved", "loss"]
    columns += [*(["runs"] if many else []), "parameters", "without positions"]
    return markdown_table(["trained on", "model", "differs in", *columns], rows)


def questions_interval_table(cells: Sequence[Cell]) -> str:
    """How precisely each model was measured at its last checkpoint, where cells have one run."""
    rows = []
    for cell in cells:
        intervals = cell.records[0]["last"]["intervals_over_questions_of_one_model"]
        ends = [
            " to ".join(f"{end:.3f}" for end in intervals[rate]) if rate in intervals else ABSENT for rate in RATES
        ]
        rows.append([*names(cell), *ends])
    return markdown_table(["trained on", "model", "differs in", *RATES], rows)


def _rate(cell: Cell, rate: str) -> str:
    if rate not in cell.rates:
        return ABSENT
    if cell.num_runs == 1:
        return fraction(cell.records[0]["last"]["counts"][rate])
    return mean_text(cell.mean(cell.values(rate)))


def _best(cell: Cell) -> str:
    if not has_withheld(cell):
        return ABSENT
    if cell.num_runs == 1:
        best = cell.records[0]["best_on_withheld"]
        return f"{fraction(best['counts']['extrapolation'])} at {best['step']:,}"
    return mean_text(cell.mean(cell.values("extrapolation", "best_on_withheld")))


def _late(cell: Cell) -> str:
    if not has_withheld(cell):
        return ABSENT
    if cell.num_runs == 1:
        return fraction(cell.records[0]["late_evaluations_solved"])
    return mean_text(cell.mean(cell.late_shares()))


def _floor(records: Sequence[dict[str, Any]], rate: str) -> str:
    """The floor of a rate as a count like those above it, or its mean over runs that were asked other questions."""
    floors = [record["last"]["floors"][rate] for record in records if rate in record["last"]["floors"]]
    asked = {record["last"]["counts"][rate][1] for record in records if rate in record["last"]["counts"]}
    if not floors:
        return ABSENT
    if len(set(floors)) == 1 and len(asked) == 1:
        return fraction((round(floors[0] * min(asked)), min(asked)))
    return f"{sum(floors) / len(floors):.3f}"
