"""When a run may end before its last step."""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic.dataclasses import dataclass

from .model import STRICT, Number, PositiveInt


STOP_METRICS = "take loss, fit or recall, of what was seen"


@dataclass(kw_only=True, frozen=True, config=STRICT)
class StopWhen:
    """When a run may end before its last step: a criterion holds at several evaluations in a row.

    Args:
        metric: What of the training set is read: `loss` (at most the threshold), `fit` or `recall` (at least).
            Verdicts on withheld questions never are: a run that stops by them has chosen its checkpoint by them.
        threshold: What it has to reach.
        evaluations: How often in a row.
    """

    metric: str
    threshold: Annotated[Number, Field(ge=0)]
    evaluations: PositiveInt = 3

    @field_validator("metric")
    @classmethod
    def _reads_the_training_set(cls, metric: str) -> str:
        if metric in ("extrapolation", "exact_match", "tradeoff_gap"):
            raise ValueError(f"{metric} reads withheld verdicts, which must not decide when to stop; {STOP_METRICS}")
        if metric not in ("loss", "fit", "recall"):
            raise ValueError(f"unknown metric; {STOP_METRICS}")
        return metric

    def holds(self, curve: list[dict[str, Any]]) -> bool:
        """Whether the criterion holds at the last evaluations of a learning curve."""
        late = [row[self.metric] for row in curve[-self.evaluations :]]
        if len(late) < self.evaluations or None in late:
            return False
        return all(value <= self.threshold if self.metric == "loss" else value >= self.threshold for value in late)
