"""A replication beside the study that it replicates, and both pooled."""

from ...analysis.cells import Cell, Mean, Share
from ...analysis.differences import difference_of_means
from ...analysis.replication import Replicated, replicated_cells
from ...config.seeds import count_pairs_again
from ..markdown import markdown_table, plain, render
from ..study import StudyResults
from ..wording import has_withheld, mean_text, names, share_text
from . import Section


TEMPLATE = """\
## Beside the original

This study replicates **{{ study }}** ({{ original.runs }} runs, plan:{{ original.digest }}) with fresh seeds.
{%- if pairs %} Of its {{ pairs[0] }} withheld pairs, {{ study }} had {{ pairs[1] or "none" }}.{% endif %}
{%- if excluding is not none %} {{ excluding }} of {{ differences }} intervals of a difference exclude 0, where one in
twenty would by chance.{% endif %}


{% if table %}
{{ table }}

*difference*: replication less original, with its 95 % interval: what the two studies leave possible, not whether they
agree. *pooled*: the runs of both as one cell. *all withheld right*: in how many runs every withheld question is right.
{% elif found %}
None of its cells is one of {{ study }}'s.
{% else %}
{{ study }} is not here with these runs, so nothing is compared: its folder belongs beside this one.
{% endif %}
"""


def section(study: StudyResults) -> Section | None:
    if study.original is None:
        return None
    pairs = [replicated_cells(study.cells, study.records_of_original)] if study.records_of_original else []
    rows, differences = [], []
    for replicated in pairs[0] if pairs else []:
        for row, difference in _rows(replicated):
            rows.append(row)
            differences += [difference.interval] if difference.interval else []
    header = ["trained on", "model", "differs in", "rate", "runs", "original", "replication", "difference", "pooled"]
    configs = [[record["config"] for record in records] for records in (study.records, study.records_of_original)]
    return Section(
        render(
            TEMPLATE,
            study=plain(study.original.study),
            original=study.original,
            pairs=count_pairs_again(*configs) if configs[1] else None,
            found=bool(configs[1]),
            differences=len(differences),
            excluding=sum(not low <= 0 <= high for low, high in differences) if differences else None,
            table=markdown_table(header, rows, num_texts=4) if rows else "",
        )
    )


def _rows(replicated: Replicated) -> list[tuple[list[str], Mean]]:
    """A row for each rate of a cell, and the difference that it shows."""
    original, replication, pooled = replicated
    runs = f"{original.num_runs} + {replication.num_runs}"
    rows = []
    for rate in replication.rates:
        means = [cell.mean(cell.values(rate)) for cell in (original, replication, pooled)]
        rows.append((rate, list(map(mean_text, means)), difference_of_means(means[1], means[0])))
    if has_withheld(replication):
        shares = [_all_right(cell) for cell in (original, replication, pooled)]
        means = [Mean(share.count / share.total, share.interval) for share in shares]
        rows.append(("all withheld right", list(map(share_text, shares)), difference_of_means(means[1], means[0])))
    return [
        ([*names(replication), rate, runs, *texts[:2], mean_text(difference, "{:+.3f}"), texts[2]], difference)
        for rate, texts, difference in rows
    ]


def _all_right(cell: Cell) -> Share:
    return cell.share(cell.all_right("extrapolation"))
