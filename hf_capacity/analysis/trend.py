"""Whether a rate changes with size, over all sizes of a ladder."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


SEED = 0
NUM_PERMUTATIONS = 50_000
# So many numbers at a time.
MOST_NUMBERS = 5_000_000


def change_weights(num_parameters: Sequence[int]) -> np.ndarray:
    """Weights by which mean rates sum to the change from the smallest size to the largest: that of the least-squares
    line in the logarithm of the size.

    Args:
        num_parameters: Of each size, two different ones at least.
    """
    log_sizes_K = np.log(np.asarray(num_parameters, dtype=float))
    centred_K = log_sizes_K - log_sizes_K.mean()
    return centred_K / (centred_K @ centred_K) * np.ptp(log_sizes_K)


def trend_p_value(units: Sequence[ArrayLike], weights_K: np.ndarray, is_paired: bool) -> float:
    """Permutation test of a slope: were the sizes dealt out again among the runs, how often would it be as steep?

    Runs are permuted over the sizes, those that share seeds within each seed only (Edgington & Onghena 2007,
    Randomization Tests, chapters 9 and 6). Of 50,000 random permutations, the data's own counted among them (Phipson &
    Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9, 39).

    Args:
        units: Of each size, the rate of every run that may be taken as independent.
        weights_K: As `change_weights` gives them.
        is_paired: Whether the runs of all sizes have the same seeds, in the same order.

    Returns:
        The two-sided p value.
    """
    arrays = [np.asarray(one, dtype=float) for one in units]
    if is_paired:
        table, weights = np.stack(arrays, axis=1), weights_K / len(arrays[0])
    else:  # one row, in which every run may change places with every other
        table = np.concatenate(arrays)[None]
        weights = np.concatenate([np.full(len(one), w / len(one)) for one, w in zip(arrays, weights_K, strict=True)])
    observed = abs(round(float((table @ weights).sum()), 12))
    rng, left, as_steep = np.random.default_rng(SEED), NUM_PERMUTATIONS, 0
    while left:
        draws = min(left, max(1, MOST_NUMBERS // table.size))
        drawn = rng.permuted(np.broadcast_to(table, (draws, *table.shape)), axis=2)
        # Rounded: slopes that differ only by the rounding of their terms are ties.
        as_steep += int(np.sum(np.abs(np.round((drawn @ weights).sum(axis=1), 12)) >= observed))
        left -= draws
    return (as_steep + 1) / (NUM_PERMUTATIONS + 1)
