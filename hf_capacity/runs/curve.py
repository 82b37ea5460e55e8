"""What a record says of its run's learning curve."""

from typing import Any


# The last part of a run in which it counts how often every withheld question is right.
LATE_SHARE = 1 / 5
# Questions that the paper scores, of questions asked: of its sums, its capitals, and both.
PAPERS_SCORED = {(182, 200), (50, 50), (232, 250)}
BRIEF = ("step", "loss", "exact_match", "recall", "fit", "extrapolation", "counts", "published_scoring")


def findings(curve: list[dict[str, Any]]) -> dict[str, Any]:
    """Its last row, the paper's choice of a checkpoint, and how steady the run was late.

    The paper reads the evaluation that scored best, withheld questions included; the first of several. Its own scoring
    decides where all questions are the paper's, and exact match over all of them elsewhere.
    """
    best = max(curve, key=_score)
    late = curve[-max(1, round(len(curve) * LATE_SHARE)) :]
    solved = [row["extrapolation"] == 1 for row in late]
    return {
        "last": _papers(curve[-1], [name for name in curve[-1] if name != "withheld"]),
        "best_on_withheld": _papers(best, BRIEF),
        "late_evaluations_solved": [sum(solved), len(solved)] if curve[-1]["extrapolation"] is not None else None,
    }


def is_papers(row: dict[str, Any]) -> bool:
    """Whether an evaluation has the paper's own scoring; earlier versions gave it to whatever had kinds so named."""
    scored = sum(questions for _, questions in row["published_scoring"].values())
    return (scored, row["counts"]["exact_match"][1]) in PAPERS_SCORED


def _score(row: dict[str, Any]) -> float:
    tallies = list(row["published_scoring"].values()) if is_papers(row) else [row["counts"]["exact_match"]]
    return sum(right for right, _ in tallies) / sum(questions for _, questions in tallies)


def _papers(row: dict[str, Any], names: Any) -> dict[str, Any]:
    scoring = {} if is_papers(row) else {"published_scoring": {}}
    return {name: row[name] for name in names} | scoring
