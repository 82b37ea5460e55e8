import math

import numpy as np
import pytest

from hf_capacity.analysis.correlation import FEWEST_RANKED, rank_correlation


def test_it_is_the_correlation_of_ranks_ties_at_their_mean():
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
    ranks = np.corrcoef([1, 2.5, 2.5, 4], [1, 2, 3, 4])[0, 1]
    assert rank_correlation([0, 0.5, 0.5, 1], [-9, 1, 2, 300]).value == pytest.approx(ranks)
    assert rank_correlation([1, 2, 3], [8, 7, -1]) == (-1, None, 3)


@pytest.mark.parametrize("values", [([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [0, 0, 0]), ([1], [2])])
def test_what_is_all_alike_has_none(values):
    assert rank_correlation(*values) is None


def test_the_interval_is_bonett_and_wrights_from_ten_independent_runs_up():
    first, second = np.arange(10), np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 9])
    found = rank_correlation(first, second)
    reach = 1.959964 * math.sqrt((1 + found.value**2 / 2) / 7)
    assert [math.atanh(end) - math.atanh(found.value) for end in found.interval] == pytest.approx([-reach, reach])
    assert rank_correlation(first, second, independent=False).interval is None
    assert rank_correlation(first[: FEWEST_RANKED - 1], second[: FEWEST_RANKED - 1]).interval is None
    low, high = rank_correlation(first, first).interval
    assert 0.99 < low < high <= 1
