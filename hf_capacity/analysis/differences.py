"""The difference between two cells, with an interval."""

import math

from .cells import Mean


def difference_of_means(first: Mean, second: Mean) -> Mean:
    """The difference of two independent means, its interval made of theirs (Zou & Donner 2008, Stat. Med. 27, 1693).

    It is as wide as the two are, on the sides that matter: for proportions it is Newcombe's (1998, Stat. Med. 17, 873,
    method 10). None where either mean has no interval.
    """
    difference = first.value - second.value
    if first.interval is None or second.interval is None:
        return Mean(difference, None)
    (low, high), (other_low, other_high) = first.interval, second.interval
    below = math.hypot(first.value - low, other_high - second.value)
    above = math.hypot(high - first.value, second.value - other_low)
    return Mean(difference, (difference - below, difference + above))
