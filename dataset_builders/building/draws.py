"""What a seed draws: the same in any process, on any machine and in any version of Python and NumPy."""

import random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def generator(seed: str) -> np.random.RandomState:
    """Python's generator of that seed, at NumPy's speed: `random_sample` draws what `random.Random(seed).random` does.

    Python promises to keep the sequence of `random()` and of no other method, and NumPy to keep `RandomState`.
    """
    _version, state, _next_gauss = random.Random(seed).getstate()
    draws = np.random.RandomState(0)
    draws.set_state(("MT19937", state[:-1], state[-1]))
    return draws


def drawn_order(number: int, seed: str) -> np.ndarray:
    """The indices 0 to `number` - 1 in a drawn order, shape (number,)."""
    return np.argsort(generator(seed).random_sample(number), kind="stable")


def drawn_integers(number: int, below: int, seed: str) -> np.ndarray:
    """Independent draws from 0 to `below` - 1, equally likely to one part in 2**53 / `below`: shape (number,)."""
    return (generator(seed).random_sample(number) * below).astype(np.int64)


def first_places(values: pa.Array) -> np.ndarray:
    """Where each different value comes for the first time, in ascending order."""
    identity = pc.dictionary_encode(values).indices.to_numpy()
    return np.unique(identity, return_index=True)[1]
