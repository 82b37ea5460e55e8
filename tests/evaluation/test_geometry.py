"""The geometry of embeddings that are built by hand, and the closed forms against loops over all that they sum."""

from itertools import combinations

import numpy as np
import pytest

from hf_capacity.evaluation import geometry


NUMBERS = np.arange(10)


def line(num_numbers=10, width=14, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=width) + np.outer(np.arange(num_numbers), rng.normal(size=width))


def random(num_numbers=10, width=14, seed=0):
    return np.random.default_rng(seed).normal(size=(num_numbers, width))


def test_numbers_on_a_line_are_one_direction_in_which_every_parallelogram_closes():
    assert geometry.number_line(line()) == pytest.approx(1, abs=1e-3)
    assert geometry.parallelogram_ratio(line()) == pytest.approx(0, abs=1e-12)
    assert geometry.variance_shares(line()) == pytest.approx([1, *[0] * 8])


def test_random_numbers_have_no_structure_on_average():
    ratios = [geometry.parallelogram_ratio(random(seed=seed)) for seed in range(100)]
    of_residues = [geometry.parallelogram_ratio(random(97, 28, seed=seed)) for seed in range(100)]
    for drawn in (ratios, of_residues):
        assert abs(np.mean(drawn) - 1) < 1.96 * np.std(drawn, ddof=1) / 10
    assert np.mean([geometry.number_line(random(seed=seed)) for seed in range(100)]) < 0


def test_the_parallelogram_ratio_is_that_of_all_fours_one_by_one():
    embeddings, same, other = random(), [], []
    for four in combinations(NUMBERS, 4):
        for a, b in combinations(four, 2):
            c, d = sorted({*four} - {a, b})
            if a < c:  # each way to make two pairs once
                square = np.sum((embeddings[a] + embeddings[b] - embeddings[c] - embeddings[d]) ** 2)
                (same if a + b == c + d else other).append(square)
    expected = np.mean(same) / np.mean(other)
    assert geometry.parallelogram_ratio(embeddings) == pytest.approx(expected)


@pytest.mark.parametrize("width", [3, 14])
def test_the_number_line_is_fitted_again_without_each_number(width):
    embeddings = line(width=width) + 3 * random(width=width, seed=1)
    centred = embeddings - embeddings.mean(0)
    penalty = geometry.PENALTY * np.sum(centred**2)
    missed, by_mean = [], []
    for number in NUMBERS:
        others = np.delete(NUMBERS, number)
        inputs = np.column_stack([np.ones(9), embeddings[others]])
        ridge = inputs.T @ inputs + penalty * np.diag([0, *[1] * width])
        weights = np.linalg.solve(ridge, inputs.T @ NUMBERS[others])
        missed.append(number - np.array([1, *embeddings[number]]) @ weights)
        by_mean.append(number - NUMBERS[others].mean())
    expected = 1 - np.sum(np.square(missed)) / np.sum(np.square(by_mean))
    assert geometry.number_line(embeddings) == pytest.approx(expected)


@pytest.mark.parametrize("rank", [1, 2, 3, 9])
def test_the_effective_rank_of_as_many_equal_directions_is_their_number(rank):
    centred = np.linalg.qr(np.column_stack([np.ones(10), random(width=9)]))[0][:, 1 : rank + 1]
    embeddings = centred @ np.linalg.qr(random(14, 14, seed=2))[0][:rank] + 5
    shares = geometry.variance_shares(embeddings)
    assert 1 / geometry.inverse_participation_ratio(shares) == pytest.approx(rank)
    assert geometry.project(embeddings, rank) == pytest.approx(embeddings)


@pytest.mark.parametrize(("num_numbers", "frequency"), [(10, 1), (10, 3), (10, 5), (97, 40)])
def test_a_planted_frequency_has_all_of_the_variance(num_numbers, frequency):
    angles = 2 * np.pi * frequency * np.arange(num_numbers) / num_numbers
    embeddings = np.column_stack([np.cos(angles), np.sin(angles)]) @ random(2) + 3
    shares = geometry.fourier_shares(embeddings)
    assert shares.argmax() == frequency - 1
    assert geometry.inverse_participation_ratio(shares) == pytest.approx(1)


def test_fourier_shares_are_shares_of_the_variance():
    embeddings = random()
    centred = embeddings - embeddings.mean(0)
    shares = geometry.fourier_shares(embeddings)
    assert (len(shares), shares.sum()) == (5, pytest.approx(1))
    for frequency, share in enumerate(shares, 1):
        waves = np.exp(2j * np.pi * frequency * NUMBERS / 10)
        kept = np.stack([waves.real, waves.imag], axis=1)[:, : 1 if frequency == 5 else 2]
        axes = np.linalg.qr(kept)[0]
        assert share == pytest.approx(np.sum((axes.T @ centred) ** 2) / np.sum(centred**2))


def test_coordinates_are_what_a_projection_keeps():
    embeddings = random()
    centred = embeddings - embeddings.mean(0)
    places = geometry.coordinates(embeddings, 2)
    projected = geometry.project(embeddings, 2)
    assert places @ places.T == pytest.approx((projected - projected.mean(0)) @ centred.T)
    assert np.sum(places**2) / np.sum(centred**2) == pytest.approx(geometry.variance_shares(embeddings)[:2].sum())
    assert geometry.num_directions(random(10, 3)) == 3
