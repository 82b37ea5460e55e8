"""What the lines that are read answer: what their equations come to, noise in its place, or each other's answers."""

import math

import numpy as np

from dataset_builders.building import check_flag, drawn_order, generator, shorten

from .config import ArithmeticConfig
from .equations import Equations, Labels


def labels_of(config: ArithmeticConfig, equations: Equations, lines_3E: np.ndarray) -> Labels:
    """What the lines answer, in the order in which they are read.

    Args:
        config: How much of it is noise, or whether answers are shuffled.
        equations: The table.
        lines_3E: Their equations, as the columns of that table.

    Raises:
        `ValueError`: if there are not so many lines, or too few different answers, or if both are asked for.
    """
    noise = config.label_noise
    check_flag("shuffled_answers", config.shuffled_answers)
    if type(noise) not in (int, float) or not 0 <= noise < 1:
        raise ValueError(
            f"`label_noise` must be a share of the lines from 0 to below 1, such as 0.1; got {shorten(noise)}."
        )
    if noise and config.shuffled_answers:
        raise ValueError(
            f"`label_noise` (={noise}) replaces some answers and `shuffled_answers` moves all: give one of the two."
        )
    a, b, operation = lines_3E
    results = equations.results(a, b, operation)
    if config.shuffled_answers:
        return _shuffled(config, equations, results, operation)
    if noise:
        return _corrupted(config, equations, results, operation)
    return Labels(results, np.zeros(len(results), bool), "")


def bits_of_the_order(labels: Labels, operation: np.ndarray) -> float:
    """How many bits say which line has which of the shuffled answers: log2 of the multinomial of each operation."""
    return sum(_log2_orders(labels.results[operation == place]) for place in np.unique(operation))


def _shuffled(config: ArithmeticConfig, equations: Equations, results: np.ndarray, operation: np.ndarray) -> Labels:
    """The answers of each operation in a drawn order: as many of each as before, and none that it could not have."""
    shuffled = results.copy()
    for place, sign in enumerate(equations.operations):
        [lines] = np.nonzero(operation == place)
        shuffled[lines] = results[lines][drawn_order(len(lines), f"shuffled-{sign}-{config.split_seed}")]
    labels = Labels(shuffled, np.ones(len(results), bool), "shuffled")
    if not bits_of_the_order(labels, operation):
        raise ValueError(
            "`shuffled_answers` changes nothing where all lines of an operation have one answer: read more."
        )
    return labels


def _corrupted(config: ArithmeticConfig, equations: Equations, results: np.ndarray, operation: np.ndarray) -> Labels:
    """Some answers replaced, each by one of the others that the lines of its operation have, all equally likely."""
    number = round(config.label_noise * len(results))
    if not 1 <= number < len(results):
        raise ValueError(
            f"`label_noise` (={config.label_noise}) must be the share of at least one of the {len(results):,} lines "
            f"and leave one as it is; it is that of {number:,}."
        )
    corrupted = drawn_order(len(results), f"noisy-lines-{config.split_seed}")[:number]
    shares, noisy = generator(f"noisy-answers-{config.split_seed}").random_sample(number), results.copy()
    for place, sign in enumerate(equations.operations):
        answers = np.unique(results[operation == place])
        own = operation[corrupted] == place
        if len(answers) < 2 and own.any():
            raise ValueError(
                f"`label_noise` (={config.label_noise}) has no other answer for the lines with {sign!r}, which all "
                "have one: read more of them."
            )
        steps = 1 + (shares[own] * (len(answers) - 1)).astype(np.int64)
        right = np.searchsorted(answers, results[corrupted[own]])
        noisy[corrupted[own]] = answers[(right + steps) % len(answers)]
    return Labels(noisy, np.isin(np.arange(len(results)), corrupted), "corrupted")


def _log2_orders(values: np.ndarray) -> float:
    """In how many orders there are these values, not all different, in bits."""
    # Few values come equally often, so that there are few factorials.
    sizes, times = np.unique(np.unique(values, return_counts=True)[1], return_counts=True)
    within = sum(count * math.lgamma(size + 1) for size, count in zip(sizes.tolist(), times.tolist(), strict=True))
    return (math.lgamma(len(values) + 1) - within) / math.log(2)
