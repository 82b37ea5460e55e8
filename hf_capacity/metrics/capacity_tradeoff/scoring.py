"""From verdicts to rates: the one place where recall, fit, extrapolation, their intervals and floors are computed."""

import re
from collections.abc import Sequence

import numpy as np


# Each rate is exact match over one set of questions: (ability asked for, in the training text or not).
RATES = {"recall": ("fact", True), "fit": ("rule", True), "extrapolation": ("rule", False)}

_BOOLEAN = (bool, np.bool_)
_TYPES = {"correct": (_BOOLEAN, "True or False"), "seen": ((*_BOOLEAN, type(None)), "True, False or None")}


def checked_columns(**columns: Sequence | None) -> list[np.ndarray]:
    """Turns columns of one entry a question into object arrays, sure of their types and of their common length.

    Args:
        columns: lists, arrays or the like, by name. `correct` holds booleans, `seen` booleans or None (`seen=None`
            stands for None throughout), every other column strings.

    Returns:
        The columns in the order given, each of shape (questions,) and dtype object.

    Raises:
        ValueError: a column is no list, is shorter or longer than the first, or holds something of another type.
    """
    arrays: dict[str, np.ndarray] = {}
    first = next(iter(columns))
    for name, values in columns.items():
        if name == "seen" and values is None:
            values = [None] * len(arrays[first])
        array = np.asarray(values, dtype=object)
        if array.ndim != 1:
            raise ValueError(
                f"`{name}` must be a flat list with one entry a question, "
                f"but a {type(values).__name__} with {array.ndim} dimensions came."
            )
        if len(array) != len(arrays.get(first, array)):
            raise ValueError(
                f"`{name}` is of length {len(array)} but `{first}` of length {len(arrays[first])}: "
                "give one entry a question in both."
            )
        types, expected = _TYPES.get(name, (str, "strings"))
        for value in array:
            if not isinstance(value, types):
                raise ValueError(f"`{name}` must hold {expected}, but {value!r} ({type(value).__name__}) came.")
        arrays[name] = array
    return list(arrays.values())


def score(
    correct: Sequence[bool],
    kind: Sequence[str],
    ability: Sequence[str],
    seen: Sequence[bool | None] | None,
    *,
    floors: dict | None = None,
) -> dict:
    """Counts one model's verdicts set by set.

    Args:
        correct: the verdict on each question, shape (questions,).
        kind: the family each question belongs to, such as "addition".
        ability: what each question asks for, "rule" (can be worked out) or "fact" (can only be known).
        seen: whether each question was in the training text of the model that answered. None, for all of them or in
            place of the column, when that text is unknown: then there is only exact match.
        floors: what [`floors`] returned for the same questions, handed through to the result.

    Returns:
        A dictionary of plain Python values, ready for JSON:
        - `exact_match`, `recall` (seen facts), `fit` (seen rule questions), `extrapolation` (unseen rule questions):
          shares between 0 and 1, None where no question belongs to the set.
        - `tradeoff_gap`: recall minus extrapolation, None unless both exist.
        - `counts`: `[correct, questions]` of each rate that exists.
        - `intervals_over_questions_of_one_model`: Wilson 95 % `[low, high]` of each rate that exists. They treat the
          questions as independent draws for this one model and say nothing of other seeds; do not pool them.
        - `kinds`: `[correct, questions]` of each kind, under `seen` and `unseen`, or under `all` if that is unknown.
        - `floors`: as given, absent if not.

    Raises:
        ValueError: there is no question, the columns do not fit together, an ability is unknown, or `seen` is None for
            some questions only.
    """
    correct, kind, ability, seen = checked_columns(correct=correct, kind=kind, ability=ability, seen=seen)
    if not len(correct):
        raise ValueError("There is no question to score: give at least one.")
    correct = correct.astype(bool)
    seen = _known_or_none(ability, seen)

    counts = {"exact_match": _count(correct, np.ones_like(correct))}
    if seen is not None:
        for rate, (asked, in_training) in RATES.items():
            counts[rate] = _count(correct, (ability == asked) & (seen == in_training))
    counts = {rate: (right, questions) for rate, (right, questions) in counts.items() if questions}
    rates = {rate: right / questions for rate, (right, questions) in counts.items()}
    both_sides = "recall" in rates and "extrapolation" in rates

    result = {rate: rates.get(rate) for rate in ("exact_match", *RATES)}
    result["tradeoff_gap"] = rates["recall"] - rates["extrapolation"] if both_sides else None
    result["counts"] = {rate: list(count) for rate, count in counts.items()}
    result["intervals_over_questions_of_one_model"] = {rate: _wilson(*count) for rate, count in counts.items()}
    result["kinds"] = {
        name: {label: list(_count(correct, mask)) for label, mask in _parts(kind == name, seen)}
        for name in dict.fromkeys(kind)
    }
    if floors is not None:
        result["floors"] = floors
    return result


def floors(
    prompts: Sequence[str] | None,
    references: Sequence[str],
    kind: Sequence[str],
    ability: Sequence[str],
    seen: Sequence[bool | None] | None,
) -> dict:
    r"""Finds what each rate is worth without having learnt the task.

    Two habits earn points for nothing: one constant answer, and copying the i-th word of the prompt (a run of `\w`,
    counted from its front or from its back). The best of all these is chosen on the *seen* questions of the same
    ability (for `kinds`: of the same kind) and scored on the questions shown, so nothing leaks from withheld ones.
    Of equally good ones the first is taken: constants before copies, constants in alphabetical order, copies from the
    front before copies from the back, the outermost word first.

    Args:
        prompts: the text each question puts before the answer, shape (questions,); None leaves only the constants.
        references: the right answers, with or without an end mark. A copied word carries none: it can only match bare
            answers.
        kind, ability, seen: as in [`score`].

    Returns:
        `recall`, `fit`, `extrapolation`: the floor of each, and `kinds`: the floors of each kind under `seen` and
        `unseen`. Left out where no question belongs to the set or none of its ability (kind) was seen, so that with
        an unknown training text only an empty `kinds` remains.

    Raises:
        ValueError: as in [`score`], an empty list of questions apart.
    """
    references, kind, ability, seen = checked_columns(references=references, kind=kind, ability=ability, seen=seen)
    words = [[]] * len(references)
    if prompts is not None:
        words = [re.findall(r"\w+", prompt) for prompt in checked_columns(references=references, prompts=prompts)[1]]
    seen = _known_or_none(ability, seen)
    if seen is None:
        return {"kinds": {}}

    result = {}
    for rate, (asked, in_training) in RATES.items():
        same_ability = ability == asked
        shown = same_ability & (seen == in_training)
        if shown.any() and (same_ability & seen).any():
            result[rate] = float(_matches(words, references, same_ability & seen)[shown].mean())
    result["kinds"] = {}
    for name in dict.fromkeys(kind):
        same_kind = kind == name
        if (same_kind & seen).any():
            matches = _matches(words, references, same_kind & seen)
            result["kinds"][name] = {label: float(matches[mask].mean()) for label, mask in _parts(same_kind, seen)}
    return result


def _known_or_none(ability: np.ndarray, seen: np.ndarray) -> np.ndarray | None:
    """The seen flags as booleans, None when the training text is unknown; refuses what has no meaning."""
    known_abilities = {asked for asked, _ in RATES.values()}
    for name in dict.fromkeys(ability):
        if name not in known_abilities:
            raise ValueError(f"`ability` must be 'rule' or 'fact', but {name!r} came.")
    num_unknown = sum(flag is None for flag in seen)
    if num_unknown == len(seen):
        return None
    if num_unknown:
        raise ValueError(
            f"`seen` is None for {num_unknown} of {len(seen)} questions: say True or False for each of them, "
            "or None for all when the training text is unknown."
        )
    return seen.astype(bool)


def _parts(mask: np.ndarray, seen: np.ndarray | None) -> list[tuple[str, np.ndarray]]:
    if seen is None:
        return [("all", mask)]
    return [(label, part) for label, part in (("seen", mask & seen), ("unseen", mask & ~seen)) if part.any()]


def _count(correct: np.ndarray, mask: np.ndarray) -> tuple[int, int]:
    return int(np.count_nonzero(correct & mask)), int(np.count_nonzero(mask))


def _wilson(right: int, questions: int) -> list[float]:
    # Imported late: scipy.stats takes a second to load, and whoever only imports this module may never score anything.
    from scipy.stats import binomtest

    # The interval does not depend on the hypothesis `p`; naming the observed share spares SciPy the search for a
    # p-value that nobody reads (0.03 ms instead of 0.45).
    interval = binomtest(right, questions, p=right / questions).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]


def _matches(words: list[list[str]], references: np.ndarray, chosen_on: np.ndarray) -> np.ndarray:
    """Which references the best habit hits, best on the questions marked in `chosen_on`; all of shape (questions,)."""
    answers, frequencies = np.unique(references[chosen_on], return_counts=True)
    best = references == answers[np.argmax(frequencies)]
    longest = max(len(words[question]) for question in np.flatnonzero(chosen_on))
    for place in (*range(longest), *range(-1, -longest - 1, -1)):
        copied = [line[place] if -len(line) <= place < len(line) else None for line in words]
        matches = np.array([word == answer for word, answer in zip(copied, references, strict=True)])
        if matches[chosen_on].sum() > best[chosen_on].sum():
            best = matches
    return best
