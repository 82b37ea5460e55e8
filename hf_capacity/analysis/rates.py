"""A rate of a run from its record, of all its questions or of one kind of them."""

from collections.abc import Sequence
from typing import Any

from ..config.hypotheses import RATES


def read_rate(record: dict[str, Any], rate: str, part: str = "last") -> float | None:
    """A rate of a run; None where none of its questions has it.

    Args:
        record: The run's.
        rate: `fit`, `extrapolation` or `recall`, that of one kind (`extrapolation of subtraction`), or `loss`.
        part: `last`, the last checkpoint, or `best_on_withheld`, the paper's choice, which has no kinds.
    """
    of_all, _, kind = rate.partition(" of ")
    if not kind:
        return record[part].get(rate)
    right, asked = tally_of_kind(record, of_all, kind, part) or (0, 0)
    return right / asked if asked else None


def tally_of_kind(record: dict[str, Any], rate: str, kind: str, part: str = "last") -> list[int] | None:
    """Right answers of questions asked, for one kind of those that a rate is of; None where there are none.

    Records have kinds by whether they were seen. Facts are never withheld, so that a kind is the rule's where some of
    its questions are, or where no fact was asked for.
    """
    found = record[part].get("kinds", {}).get(kind, {})
    if rate not in record[part]["counts"]:
        return None
    if rate == "extrapolation":
        return found.get("unseen")
    is_rule = bool(found.get("unseen")) or "recall" not in record[part]["counts"]
    return found.get("seen") if is_rule == (rate == "fit") else None


def rates_by_kind(records: Sequence[dict[str, Any]]) -> list[str]:
    """The rates of single kinds that all runs have, where a rate is of several: `extrapolation of subtraction`."""
    kinds = dict.fromkeys(kind for record in records for kind in record["last"].get("kinds", {}))
    found = []
    for rate in RATES:
        own = [kind for kind in kinds if all(tally_of_kind(record, rate, kind) for record in records)]
        found += [f"{rate} of {kind}" for kind in own] if len(own) > 1 else []
    return found
