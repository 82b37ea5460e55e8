"""Curricula: which part of a training text is read when."""

from collections.abc import Sequence

import numpy as np


class Curriculum:
    """Which rows of a training text a batch is drawn from, step by step; a pure function of the step.

    Args:
        order: `rule_first` and `facts_first`: rows of that ability alone for the first half of the steps, then all
            rows. `interleaved`: rows of the rule alone and of facts alone, in turn. None: all rows at every step.
        steps: Steps of the run.
        ability_W: Of each row `rule` or `fact`, or neither where it has some of both.

    Raises:
        ValueError: There are no rows of one of the abilities.
    """

    def __init__(self, order: str | None, steps: int, ability_W: Sequence[str]):
        self.order, self.half = order, steps // 2
        self.pools = {"all": np.arange(len(ability_W))}
        # What exposures are counted of: all rows, where none is of facts.
        is_fact_W = np.asarray(ability_W) == "fact"
        self.facts = np.flatnonzero(is_fact_W if is_fact_W.any() else ~is_fact_W)
        if order is None:
            return
        for ability in ("rule", "fact"):
            self.pools[ability] = np.flatnonzero(np.asarray(ability_W) == ability)
            if not len(self.pools[ability]):
                raise ValueError(
                    f"`curriculum` (={order!r}) reads rule and facts apart, and of the {ability} alone this run has "
                    "nothing: take a mixture with both, or a shorter `block_size`."
                )
        self.first = "rule" if order == "rule_first" else "fact"

    def at(self, step: int) -> tuple[str, int]:
        """The pool that the batch of `step` is drawn from, and how many batches were drawn from it before."""
        if self.order is None:
            return "all", step
        if self.order == "interleaved":
            return ("rule", "fact")[step % 2], step // 2
        return (self.first, step) if step < self.half else ("all", step - self.half)

    def batches_with_facts(self, steps: int) -> dict[str, int]:
        """Of the batches of the first `steps`, how many came from each pool in which facts are, if any are."""
        if self.order is None:
            return {"all": steps}
        if self.order == "interleaved":
            return {"fact": steps // 2}
        early = min(steps, self.half)
        return {"fact": early if self.first == "fact" else 0, "all": steps - early}


def ability_of_windows(ability_of_lines: Sequence[str], length_of_lines: Sequence[int], block_size: int) -> np.ndarray:
    """Of each window of the joined text `rule`, `fact`, or `mixed` where it has lines of both: shape (windows,)."""
    is_rule_N = np.repeat(np.asarray(ability_of_lines) == "rule", length_of_lines)
    num_before = np.concatenate([[0], np.cumsum(is_rule_N)])
    num_within_W = num_before[block_size + 1 :] - num_before[: -block_size - 1]
    return np.select([num_within_W == 0, num_within_W == block_size + 1], ["fact", "rule"], "mixed")
