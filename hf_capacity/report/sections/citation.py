"""What to cite."""

from ..study import StudyResults
from . import Section


TEMPLATE = """\
## To cite

hf_capacity (its CITATION.cff says how), with the study and the commit above; and the study that it rebuilds: Joshua Barron
and Devin White, *Too Big to Think: Capacity, Memorization, and Generalization in Pre-Trained Transformers*, ICML 2025
workshop TTODLer-FM, [arXiv 2506.09099](https://arxiv.org/abs/2506.09099).
"""  # noqa: E501


def section(study: StudyResults) -> Section:
    return Section(TEMPLATE)
