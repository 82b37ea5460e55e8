"""The runs that failed or did not finish."""

from ..markdown import render
from ..study import StudyResults
from . import Section


TEMPLATE = """\
## What is missing

{% for line in study.unfinished %}
- {{ line }}
{% else %}
No run in this folder failed or is unfinished.
{% endfor %}

Runs that were never started leave no trace here: `{{ study.command }} --dry-run` lists them.
"""


def section(study: StudyResults) -> Section:
    return Section(render(TEMPLATE, study=study))
