"""How many bits a task demands: known exactly, where it is drawn uniformly."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Demand:
    """The entropy of a training text, and what of it has to be scored to say how much of that a model has memorised.

    A model has memorised `bits` less the negative log-likelihood, in bits, that it gives to what is scored.

    Args:
        estimator (`str`): `random strings`, `facts with given keys` or `shuffled answers`. Three yardsticks: never on
            one axis.
        bits (`float`): Of all items together.
        num_items (`int`): Strings, or facts.
        bits_per_item (`float`): Of each of them.
        num_scored_tokens (`int`): Characters whose likelihood counts.
        scored (`str`): Which they are, of each item once: `text`, all characters of its line but the newline, the
            first included; `answer`, the answer given its prompt, without its end mark; `answer and end`, with it,
            where an answer may begin like another one.
        kinds (`tuple[str, ...]`): Of the lines that are the items, each of them once among the first ones of its kind.
        alphabet (`str`): The characters that the items are made of. A model's vocabulary needs all of them, also those
            that the text happens not to have: else the vocabulary alone gives some of the bits away.
        source (`str`): Whose estimator it is.
    """

    estimator: str
    bits: float
    num_items: int
    bits_per_item: float
    num_scored_tokens: int
    scored: str
    kinds: tuple[str, ...]
    alphabet: str
    source: str
