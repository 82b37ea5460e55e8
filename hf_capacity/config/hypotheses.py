"""What a study asks, stated before its runs: hypotheses that they can test."""

from dataclasses import dataclass, fields
from typing import Any

from ..boundary.reading import quote
from .arms import LONGEST_ARM, Arms
from .selections import Selection, check_selection


RATES = ("fit", "extrapolation", "recall")
EXPECTATIONS = ("higher", "lower", "different", "same")
# Of fewer no test can say anything.
FEWEST_RUNS = 5
FEWEST_SIZES = 3
MOST_HYPOTHESES = 100


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """What a study expects of a rate, by name.

    Args:
        name: What tables and findings call it.
        rate: `fit`, `extrapolation` or `recall`, or that of one kind of question: `extrapolation of subtraction`.
        expect: The first selection is `higher` or `lower` than the second, `different` or the `same`; along a trend,
            the largest model than the smallest.
        smallest_difference: The smallest that is of interest; the margin where `same` is expected.
        compare: Two selections of the study's runs, or none.
        trend: Instead of them, one selection that takes several sizes.
        primary: Whether the study was made to test it.
        sd: Standard deviation of the rate between runs of one cell, for the power that is planned for.
        pilot: Instead, the study whose runs show it: a name or a folder.
        is_post_hoc: Whether it was stated or changed when the study had finished runs. No part of the YAML.
    """

    name: str
    rate: str
    expect: str
    smallest_difference: float
    compare: tuple[Selection, ...] = ()
    trend: Selection | None = None
    primary: bool = False
    sd: float | None = None
    pilot: str | None = None
    is_post_hoc: bool = False

    @property
    def selections(self) -> tuple[Selection, ...]:
        """What it selects of the study's runs: two cells, or the sizes of one trend."""
        return self.compare or (self.trend,)

    def to_dict(self) -> dict[str, Any]:
        """As the YAML states it under its name, with no more than that has to say."""
        stated = {key: getattr(self, key) for key in KEYS}
        stated["compare"] = list(self.compare)
        return {key: value for key, value in stated.items() if value not in (None, False, [])}


KEYS = tuple(field.name for field in fields(Hypothesis) if field.name not in ("name", "is_post_hoc"))


def read_hypotheses(content: Any, arms: Arms) -> tuple[Hypothesis, ...]:
    """The hypotheses of a study's YAML, in its order.

    Args:
        content: Its block `hypotheses`: by name, keys of `Hypothesis`.
        arms: The study's.

    Raises:
        ValueError: Something in it is not as expected, or none is primary.
    """
    if not content:
        return ()
    if not isinstance(content, dict) or len(content) > MOST_HYPOTHESES:
        raise ValueError(
            f"`hypotheses` (={quote(content)}) must be a mapping of names to hypotheses, {MOST_HYPOTHESES} at most."
        )
    hypotheses = tuple(_read_one(name, stated, arms) for name, stated in content.items())
    if not any(hypothesis.primary for hypothesis in hypotheses):
        raise ValueError("`hypotheses` names no primary one: give that which the study is for `primary: true`.")
    return hypotheses


def _read_one(name: str, stated: Any, arms: Arms) -> Hypothesis:
    where = f"`hypotheses.{quote(name)[1:-1]}`"
    if not name.isprintable() or not 0 < len(name.strip()) == len(name) <= 2 * LONGEST_ARM:
        raise ValueError(f"{where}: a hypothesis is called by 1 to {2 * LONGEST_ARM} plain characters.")
    if not isinstance(stated, dict):
        raise ValueError(f"{where} (={quote(stated)}) must be a mapping of {', '.join(KEYS)}.")
    unknown = [key for key in stated if key not in KEYS]
    if unknown:
        raise ValueError(f"{where} has the unknown key {quote(unknown[0])}; known: {', '.join(KEYS)}.")
    missing = [key for key in ("rate", "expect", "smallest_difference") if key not in stated]
    if missing:
        raise ValueError(f"{where}: `{missing[0]}` is missing.")
    _check_values(where, stated)
    _check_selections(where, stated, arms)
    numbers = {key: float(stated[key]) for key in ("smallest_difference", "sd") if stated.get(key) is not None}
    return Hypothesis(**stated | numbers | {"name": name, "compare": tuple(stated.get("compare") or ())})


def _check_values(where: str, stated: dict[str, Any]) -> None:
    rate, of, kind = stated["rate"].partition(" of ") if isinstance(stated["rate"], str) else ("", "", "")
    if rate not in RATES or (of and not kind.strip()):
        raise ValueError(
            f"{where}: `rate` (={quote(stated['rate'])}) must be {', '.join(RATES)}, or that of one kind of question, "
            "such as `extrapolation of subtraction`."
        )
    if stated["expect"] not in EXPECTATIONS:
        raise ValueError(f"{where}: `expect` (={quote(stated['expect'])}) must be one of {', '.join(EXPECTATIONS)}.")
    for key in ("smallest_difference", "sd"):
        value = stated.get(key)
        given = key == "smallest_difference" or value is not None
        if given and (type(value) not in (int, float) or not 0 < value <= 1):
            raise ValueError(
                f"{where}: `{key}` (={quote(value)}) must be a number above 0 and at most 1, such as 0.2."
            )
    if not isinstance(stated.get("primary", False), bool):
        raise ValueError(f"{where}: `primary` (={quote(stated['primary'])}) must be true or false.")
    if not isinstance(stated.get("pilot"), str | None) or stated.get("pilot") == "":
        raise ValueError(f"{where}: `pilot` (={quote(stated['pilot'])}) must be a study's name or folder.")
    if stated.get("sd") is not None and stated.get("pilot") is not None:
        raise ValueError(f"{where} has both `sd` and `pilot`: state one of them.")


def _check_selections(where: str, stated: dict[str, Any], arms: Arms) -> None:
    pair, trend = stated.get("compare"), stated.get("trend")
    if (pair is None) == (trend is None):
        raise ValueError(f"{where} must have either `compare`, of two selections, or `trend`, of one.")
    if trend is not None:
        check_selection(f"{where}, `trend`", trend, arms)
        return
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError(f"{where}: `compare` (={quote(pair)}) must be a list of two selections.")
    for selection in pair:
        check_selection(f"{where}, `compare`", selection, arms)
    if pair[0] == pair[1]:
        raise ValueError(f"{where} compares {quote(pair[0])} with itself.")
