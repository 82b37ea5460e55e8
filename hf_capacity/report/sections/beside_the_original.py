"""A replication beside the study that it replicates, and both pooled."""

from ...analysis.cells import Mean
from ...analysis.differences import difference_of
from ...analysis.replication import Replicated, replicated_cells
from ...boundary.shown import ABSENT
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
Of fewer than five runs, brackets hold the runs themselves in place of an interval.
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
            differences += [difference.interval] if difference and difference.interval else []
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


def _rows(replicated: Replicated) -> list[tuple[list[str], Mean | None]]:
    """A row for each rate of a cell, and the difference that it shows, of which events have none."""
    original, replication, pooled = replicated
    runs = f"{original.num_runs} + {replication.num_runs}"
    rows: list[tuple[list[str], Mean | None]] = []
    by_kind = [rate for rate in pooled.rates_by_kind if rate.startswith("extrapolation")]
    for rate in (*replication.rates, *by_kind):
        before, now, both = (mean_text(cell.mean(cell.values(rate))) for cell in replicated)
        difference = difference_of(replication, original, rate)
        rows.append(([rate, runs, before, now, mean_text(difference, "{:+.3f}"), both], difference))
    if has_withheld(replication):
        before, now, both = (share_text(cell.share(cell.all_right("extrapolation"))) for cell in replicated)
        rows.append((["all withheld right", runs, before, now, ABSENT, both], None))
    return [([*names(pooled), *row], difference) for row, difference in rows]
