"""How the numbers are to be read: what n counts, what brackets hold, and what is not corrected."""

from ...config.hypotheses import FEWEST_RUNS
from ...config.seeds import has_own_pairs
from ..markdown import render
from ..study import StudyResults
from . import Section


TEMPLATE = """\
## How to read the numbers

{% if study.most_runs == 1 %}
One run a cell. Where there is an interval, it is over the questions of one model, and says nothing about other seeds.
{% else %}
{{ study.fewest_runs ~ " to " if study.fewest_runs < study.most_runs -}}
{{ study.most_runs }} runs a cell, n beside each figure. Brackets hold 95 % intervals over runs
{{- ", below five runs the runs themselves" if study.fewest_runs < fewest }}. The unit is a trained model: questions
are never pooled over models. {{ intervals }} Outside of hypotheses nothing is tested, and no interval is corrected for
the number of comparisons: one in twenty excludes 0 where there is no difference.
{%- if one_pair_each %} The pair of each run is drawn by `split_seed` from one fixed list, in the same order in every
study: nothing was tried on other pairs.
{%- endif %}

{% endif %}
"""
INTERVALS = (
    "The intervals were chosen by simulation to cover at least 93 % from five runs up: of k of n runs Clopper & "
    "Pearson's, of mean rates Learned-Miller & Thomas's (2019), of differences of rates a Bayesian bootstrap with "
    "half a run at either bound, of losses and bits Student's (91 % if they are skew)."
)
CROSSED = " Where seeds and splits are crossed, both are random effects; with two seeds that matter it may be 84 %."


def section(study: StudyResults) -> Section:
    return Section(
        render(
            TEMPLATE,
            study=study,
            fewest=FEWEST_RUNS,
            intervals=INTERVALS + (CROSSED if any(cell.is_crossed for cell in study.cells) else ""),
            one_pair_each=any("rotating_pair" in str(record["config"]["task"]) for record in study.records)
            and not has_own_pairs(record["config"]["split_seed"] for record in study.records),
        )
    )
