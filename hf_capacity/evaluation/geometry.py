"""The geometry of number embeddings: a line, parallelograms, few directions, or circles.

Shapes: N numbers in their order, D dimensions, P pairs of numbers, S sums, F frequencies.
"""

import math

import numpy as np


# Of the ridge of the number line, as a share of all variance.
PENALTY = 0.01


def number_line(embeddings_ND: np.ndarray) -> float:
    """How well a number is read off its embedding by a line through those of the others.

    Leave-one-out R2 of a ridge regression: 1 where the numbers lie on a line in even steps, and 0 or below where the
    mean of the other numbers predicts as well (the linear structure of Liu et al. 2022, arXiv 2205.10343).
    """
    centred_ND = embeddings_ND - embeddings_ND.mean(0)
    gram_NN = centred_ND @ centred_ND.T
    num_numbers = len(gram_NN)
    number_N = np.arange(num_numbers) - (num_numbers - 1) / 2
    ridge_NN = gram_NN + PENALTY * np.trace(gram_NN) * np.eye(num_numbers)
    hat_NN = np.linalg.solve(ridge_NN, gram_NN).T + 1 / num_numbers
    # What a fit without the number itself would miss it by, that of the mean alone in the divisor.
    missed_N = (number_N - hat_NN @ number_N) / (1 - np.diag(hat_NN))
    missed_by_mean_N = number_N / (1 - 1 / num_numbers)
    return 1 - float(missed_N @ missed_N / (missed_by_mean_N @ missed_by_mean_N))


def parallelogram_ratio(embeddings_ND: np.ndarray) -> float:
    """The mean square of E_a + E_b - E_c - E_d where a + b = c + d, over the same where it is not.

    Over all four different numbers. 0 where every such parallelogram closes, 1 where nothing is additive: the
    representation quality index of Liu et al. (2022, arXiv 2205.10343), made continuous. Residues are added as whole
    numbers here. Modulo an odd number the ratio would be 1 whatever the embeddings, since the pairs of any sum s have
    all residues but s / 2 in them; what is additive there shows in the Fourier shares.
    """
    centred_ND = embeddings_ND - embeddings_ND.mean(0)
    num_numbers = len(centred_ND)
    first_P, second_P = np.triu_indices(num_numbers, 1)
    sum_P = first_P + second_P
    pairs_PD = centred_ND[first_P] + centred_ND[second_P]
    num_pairs_S = np.bincount(sum_P)
    totals_SD = np.zeros((len(num_pairs_S), centred_ND.shape[1]))
    np.add.at(totals_SD, sum_P, pairs_PD)
    # Squared differences between n vectors add up to n times the sum of their squares less the square of their sum.
    same = float(num_pairs_S[sum_P] @ (pairs_PD**2).sum(1) - (totals_SD**2).sum())
    num_same = int((num_pairs_S * (num_pairs_S - 1)).sum()) // 2
    # Over all fours, each of which makes two pairs in three ways, the mean square is four times the variance.
    num_all = 3 * math.comb(num_numbers, 4)
    other = num_all * 4 * float((centred_ND**2).sum()) / (num_numbers - 1) - same
    return max(same, 0.0) / num_same / (other / (num_all - num_same))


def variance_shares(embeddings_ND: np.ndarray) -> np.ndarray:
    """What share of the variance of all numbers each principal direction has, the largest first."""
    _, sizes, _ = _directions(embeddings_ND)
    return sizes**2 / (sizes**2).sum()


def fourier_shares(embeddings_ND: np.ndarray) -> np.ndarray:
    """What share of the variance each frequency has, from one turn over all numbers up to one every two.

    The Fourier transform over the numbers, its power summed over the dimensions (Nanda et al. 2023, arXiv 2301.05217).
    """
    power_F = (np.abs(np.fft.rfft(embeddings_ND, axis=0)) ** 2).sum(1)[1:]
    twice_F = np.full(len(power_F), 2.0)  # every other frequency stands for its negative too
    if len(embeddings_ND) % 2 == 0:
        twice_F[-1] = 1.0
    return power_F * twice_F / (power_F @ twice_F)


def inverse_participation_ratio(shares: np.ndarray) -> float:
    """The sum of squared shares: 1 where one has all, 1 / n where n have as much each (arXiv 2310.13061).

    Its inverse is the participation ratio: over how many directions or frequencies a variance is spread.
    """
    return float(shares @ shares)


def coordinates(embeddings_ND: np.ndarray, num_directions: int) -> np.ndarray:
    """Where the numbers lie in their best directions, those with most of their variance: (N, `num_directions`)."""
    axes_ND, sizes, _ = _directions(embeddings_ND)
    return (axes_ND * sizes)[:, :num_directions]


def project(embeddings_ND: np.ndarray, num_directions: int) -> np.ndarray:
    """The embeddings without what lies outside of their best directions; their mean stays."""
    _, _, directions_DD = _directions(embeddings_ND)
    mean_D, best_DD = embeddings_ND.mean(0), directions_DD[:num_directions]
    return mean_D + (embeddings_ND - mean_D) @ best_DD.T @ best_DD


def num_directions(embeddings_ND: np.ndarray) -> int:
    """How many directions numbers can differ in: one less than there are numbers, or all dimensions."""
    num_numbers, num_dimensions = embeddings_ND.shape
    return min(num_numbers - 1, num_dimensions)


def _directions(embeddings_ND: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Principal directions by singular values: the numbers' places along them, their sizes, and the directions."""
    axes, sizes, directions = np.linalg.svd(embeddings_ND - embeddings_ND.mean(0), full_matrices=False)
    most = num_directions(embeddings_ND)
    return axes[:, :most], sizes[:most], directions[:most]
