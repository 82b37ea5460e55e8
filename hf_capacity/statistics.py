"""Intervals: how much a count of right answers, or of runs, can say."""

from scipy.stats import binomtest


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Wilson 95 % interval of a rate.

    Over the questions of one model it tells how precisely that one model was measured; another seed may fall outside
    it. Never pool such questions over models: they are not independent.

    Args:
        correct: Questions answered right (or runs in which something happened).
        total: Questions (or runs), at least one.

    Returns:
        Lower and upper end, both between 0 and 1.
    """
    interval = binomtest(correct, total).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)
