"""What the study asks, how many runs it has, and with which seeds."""

from ..markdown import render
from ..settings import describe_seeds
from ..study import StudyResults
from . import Section


TEMPLATE = """\
{% macro runs(number) %}{{ number }} {{ "run" if number == 1 else "runs" }}{% endmacro %}
# {{ study.name }}

{% if study.description %}
{{ study.description }}

{% endif %}
{{ runs(study.records | length) }} of {{ steps }} steps. Seeds: {{ seeds }}.

{% if study.unfinished %}
**{{ runs(study.unfinished | length) }} failed or did not finish: see the end.**

{% endif %}
"""


def section(study: StudyResults) -> Section:
    steps = ", ".join(f"{steps:,}" for steps in dict.fromkeys(record["config"]["steps"] for record in study.records))
    return Section(render(TEMPLATE, study=study, steps=steps, seeds=describe_seeds(study.records)))
