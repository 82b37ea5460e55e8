"""The answer: what the study asked before its runs, and what they say of each of its hypotheses."""

from collections.abc import Sequence

from ...analysis.cells import Cell
from ...analysis.hypotheses import Tested
from ...boundary.shown import ABSENT
from ..forest import draw_forest
from ..markdown import code, markdown_table, plain, render
from ..study import StudyResults
from ..wording import difference_text, equals, p_text
from . import Section


POST_HOC = "*post hoc*"
TEMPLATE = """\
## The answer

{% if study.question %}
**{{ study.question }}**

{% endif %}
{% if study.withdrawn %}
Stated before the runs, and dropped or changed when there were some: {{ withdrawn }}.

{% endif %}
{% for sentence in answers %}
- {{ sentence }}
{% endfor %}

{% if drawn %}
![The difference of each hypothesis with its interval, over the smallest difference of interest](hypotheses.png)

*Differences with their 95 % intervals, the primary first. See which lie beyond the grey band, where differences are
smaller than is of interest{{ "; of hypotheses of sameness, which lie within it" if has_same }}.*

{% endif %}
### In numbers

{{ table }}

*n*: runs{{ ", in pairs where both have the same seeds" if has_pairs }}. *of interest*: the smallest difference that
is, as the study states it{{ "; where *same* is expected, the margin of equivalence" if has_same }}. *p*: two-sided
permutation test{{ ", of *same* two one-sided tests of equivalence" if has_same -}}
{{ ", of crossed runs a t test" if has_crossed }}, adjusted by Holm over the hypotheses
{{- " stated beforehand, of *post hoc* ones over all" if has_post_hoc }}; below 0.05 a hypothesis is supported or
opposed, else open. Intervals suppose less than the tests, and may hold 0 where p is small. *80 % power for*: the
difference that so many runs find four times in five.
{%- if has_post_hoc %} *post hoc*: stated or changed when there were runs already; its p value describes them, and
tests nothing.
{%- endif %}
"""


def section(study: StudyResults) -> Section | None:
    if not study.tested:
        return None
    tested = _primary_first(study.tested)
    drawn = [one for one in tested if one.difference and one.difference.interval]
    page = render(
        TEMPLATE,
        study=study,
        answers=answers_in(study),
        table=hypotheses_table(tested),
        withdrawn=", ".join(map(plain, study.withdrawn)),
        drawn=drawn,
        has_same=any(one.hypothesis.expect == "same" for one in tested),
        has_pairs=any(one.is_paired for one in tested),
        has_crossed=any(cell.is_crossed for one in tested for cell in one.groups),
        has_post_hoc=any(one.hypothesis.is_post_hoc for one in tested),
    )
    return Section(page, {"hypotheses.png": draw_forest(drawn)} if drawn else {})


def answers_in(study: StudyResults) -> list[str]:
    """What the runs of a study say of each of its hypotheses, in a sentence each, the primary first."""
    return [answer(one, study.command_for(one.seeds_needed)) for one in _primary_first(study.tested)]


def answer(tested: Tested, command: str) -> str:
    """What the runs say of a hypothesis, in one sentence.

    Args:
        tested: The hypothesis.
        command: What does as many runs as half of the detectable difference takes.
    """
    name = _name(tested, "**{}**")
    if tested.fault:
        return f"{name} was **not tested**: {plain(tested.fault)}."
    verb = {"supported": "is **supported**", "opposed": "is **opposed**", "open": "stays **open**"}[tested.verdict]
    found = f"{difference_text(tested.difference)}, Holm-adjusted p {equals(tested.adjusted_p_value)}"
    n = f"n = {_num_runs(tested)}{_ruled_out(tested)}{_power(tested, command)}"
    return f"{name} {verb}: {_contrast(tested)} is {found}, {n}."


def hypotheses_table(tested: Sequence[Tested]) -> str:
    """A row a hypothesis; empty where there is none."""
    rows = [
        [
            _name(one, "{}"),
            one.hypothesis.rate,
            one.hypothesis.expect,
            f"{one.hypothesis.smallest_difference:g}",
            _num_runs(one) if one.groups else ABSENT,
            difference_text(one.difference) if one.difference else ABSENT,
            ABSENT if one.adjusted_p_value is None else p_text(one.adjusted_p_value),
            "not tested" if one.fault else one.verdict,
            f"{one.detectable_difference:.2f}" if one.detectable_difference else ABSENT,
        ]
        for one in tested
    ]
    header = ["hypothesis", "rate", "expected", "of interest", "n", "difference", "p", "verdict", "80 % power for"]
    return markdown_table(header, rows) if rows else ""


def _primary_first(tested: Sequence[Tested]) -> list[Tested]:
    return sorted(tested, key=lambda one: not one.hypothesis.primary)


def _name(tested: Tested, form: str) -> str:
    holds = {"primary": tested.hypothesis.primary, POST_HOC: tested.hypothesis.is_post_hoc}
    labels = ", ".join(label for label, is_so in holds.items() if is_so)
    return form.format(plain(tested.hypothesis.name)) + (f" ({labels})" if labels else "")


def _num_runs(tested: Tested) -> str:
    numbers = " and ".join(map(str, dict.fromkeys(tested.num_runs)))
    if len(tested.groups) > 2:
        return f"{numbers} of each size"
    return f"{numbers} pairs" if tested.is_paired else f"{numbers} of each"


def _ruled_out(tested: Tested) -> str:
    """Of an open hypothesis, whether the interval leaves room for what it expects to be of interest."""
    expect, least = tested.hypothesis.expect, tested.hypothesis.smallest_difference
    if tested.verdict != "open" or expect == "same" or not tested.difference.interval:
        return ""
    low, high = tested.difference.interval
    possible = {"lower": low <= -least, "higher": high >= least, "different": low <= -least or high >= least}
    what = {"lower": f"-{least:g} or lower", "higher": f"+{least:g} or higher", "different": f"{least:g} either way"}
    return "" if possible[expect] else f"; the interval rules out what would be of interest, {what[expect]}"


def _power(tested: Tested, command: str) -> str:
    """Of an open hypothesis, what these runs could have found, and how many would find more."""
    if tested.verdict != "open" or not tested.runs_needed:
        return ""
    difference, half = tested.detectable_difference, "half of it"
    if difference is None:
        had, half = "had 80 % power for none, even of 1", "one of 0.5"
    else:
        what = "to show that none exceeds" if tested.hypothesis.expect == "same" else "for a difference of"
        had = f"had 80 % power {what} {difference:.2f}"
    return f"; these runs {had}, and {half} takes {tested.runs_needed:,} runs of each ({code(command)})"


def _contrast(tested: Tested) -> str:
    """What the difference is of."""
    rate, first, last = tested.hypothesis.rate, tested.groups[0], tested.groups[-1]
    shared = [part for part in _parts(first) if all(part in _parts(cell) for cell in tested.groups)]
    models = f" for {first.model}" if first.model in shared else ""
    trained = ", ".join(part for part in shared if part != first.model)
    alike = f",{models}{f' trained on {trained}' if trained else ''}," if shared else ""
    if tested.hypothesis.trend:
        sizes = " to ".join(f"{cell.model} ({cell.num_parameters:,} parameters)" for cell in (first, last))
        return f"the fitted change in {rate} from {sizes}{alike}"
    sides = [", ".join(part for part in _parts(cell) if part not in shared) or cell.model for cell in (first, last)]
    return f"{rate} with {' less that with '.join(sides)}{alike}"


def _parts(cell: Cell) -> list[str]:
    return [cell.model, cell.task, *filter(None, cell.differs.split(", "))]
