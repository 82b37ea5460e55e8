"""What the study asks, how many runs it has, and with which seeds."""

from ..markdown import render
from ..settings import describe_seeds
from ..study import StudyResults
from . import Section


TEMPLATE = """\
{% macro runs(number) %}{{ number }} {{ "run" if number == 1 else "runs" }}{% endmacro %}
{% macro each(values) %}{% for value in values | unique %}{{ "{:,}".format(value) }}{{ ", " if not loop.last }}{% endfor %}{% endmacro %}
# {{ study.name }}

{% if study.description %}
{{ study.description }}

{% endif %}
{{ runs(study.records | length) }} of {{ each(study.records | map(attribute="config.steps")) }} steps. Seeds: {{ seeds }}.

{% if study.unfinished %}
**{{ runs(study.unfinished | length) }} failed or did not finish: see the end.**

{% endif %}
"""  # noqa: E501


def section(study: StudyResults) -> Section:
    return Section(render(TEMPLATE, study=study, seeds=describe_seeds(study.records)))
