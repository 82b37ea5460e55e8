"""The capacity trade-off as an `evaluate` metric; the counting is done in `scoring.py`, which needs no `evaluate`."""

from typing import Any

import datasets
import evaluate

from .scoring import checked_columns, floors, score


_DESCRIPTION = """
Splits exact match into what a model recalls (seen facts), fits (seen rule questions) and extrapolates (unseen rule
questions), each with its counts, an interval over this one model's questions, and the floor reached without learning.
"""

_CITATION = """
@inproceedings{barron2025big,
  title={Too Big to Think: Capacity, Memorization, and Generalization in Pre-Trained Transformers},
  author={Joshua Barron and Devin White},
  booktitle={ICML 2025 Workshop TTODLer-FM},
  year={2025},
  note={arXiv:2506.09099}
}
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (`list[str]`): what the model wrote for each question. A prediction counts when it equals its reference
        character by character, so cut or keep the end mark in both alike.
    references (`list[str]`): the right answers.
    kind (`list[str]`): the family of each question, such as "addition".
    ability (`list[str]`): "rule" for what can be worked out, "fact" for what can only be known.
    seen (`list[bool]`): whether the question was in the training text of the model that answered; None for all when
        that text is unknown, which leaves exact match alone.
    prompts (`list[str]`, *optional*): what each question puts before the answer, in the order in which the questions
        were added. Goes to `compute` only. With it, the floor may also copy a word of the prompt.

Returns:
    `dict`: `exact_match`, `recall`, `fit`, `extrapolation`, `tradeoff_gap` (None where there is no such question),
    `counts` (`[correct, questions]`), `intervals_over_questions_of_one_model` (Wilson 95 %), `kinds` (`[correct,
    questions]`, seen and unseen) and `floors`.

Examples:
    >>> metric = evaluate.load("hf_capacity/metrics/capacity_tradeoff")
    >>> result = metric.compute(
    ...     predictions=["8", "6", "11", "Paris", "Rome"],
    ...     references=["8", "6", "12", "Paris", "Oslo"],
    ...     kind=["addition", "addition", "addition", "capital", "capital"],
    ...     ability=["rule", "rule", "rule", "fact", "fact"],
    ...     seen=[True, True, False, True, True],
    ...     prompts=["5+3=", "6+0=", "5+7=", "Capital of France is ", "Capital of Norway is "],
    ... )
    >>> result["recall"], result["fit"], result["extrapolation"], result["tradeoff_gap"]
    (0.5, 1.0, 0.0, 0.5)
    >>> result["counts"]
    {'exact_match': [3, 5], 'recall': [1, 2], 'fit': [2, 2], 'extrapolation': [0, 1]}
    >>> result["kinds"]["addition"]
    {'seen': [2, 2], 'unseen': [0, 1]}
    >>> result["floors"]["fit"], result["floors"]["extrapolation"]
    (0.5, 0.0)

    With an unknown training text there is only exact match:

    >>> result = metric.compute(predictions=["8"], references=["8"], kind=["addition"], ability=["rule"], seen=[None])
    >>> result["exact_match"], result["fit"], result["kinds"]
    (1.0, None, {'addition': {'all': [1, 1]}})
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class CapacityTradeoff(evaluate.Metric):
    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features(
                {
                    "predictions": datasets.Value("string"),
                    "references": datasets.Value("string"),
                    "kind": datasets.Value("string"),
                    "ability": datasets.Value("string"),
                    "seen": datasets.Value("bool"),
                }
            ),
            license="Apache-2.0",
            reference_urls=["https://arxiv.org/abs/2506.09099"],
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Adds a batch of questions, after a look at every entry.

        The base class looks at the first string of a batch only and takes any object for a boolean, so that "no" would
        count as seen.
        """
        columns = {"predictions": predictions, "references": references, **kwargs}
        missing = [name for name in self._feature_names() if name not in columns]
        if missing:
            raise ValueError(f"Inputs are missing: {missing}. Give all of {self._feature_names()}.")
        checked = checked_columns(**{name: columns[name] for name in self._feature_names()})
        columns.update(zip(self._feature_names(), map(list, checked), strict=True))
        super().add_batch(**columns)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Adds one question. (`evaluate.combine` says `predictions` and `references` here too.)"""
        question = {"predictions": prediction, "references": reference, **kwargs}
        self.add_batch(**{name: [value] for name, value in question.items()})

    def _compute(
        self,
        *,
        predictions: list[str],
        references: list[str],
        kind: list[str],
        ability: list[str],
        seen: list[bool | None],
        prompts: list[str] | None = None,
    ) -> dict[str, Any]:
        correct = [prediction == reference for prediction, reference in zip(predictions, references, strict=True)]
        return score(correct, kind, ability, seen, floors=floors(prompts, references, kind, ability, seen))
