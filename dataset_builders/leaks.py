"""What a training text holds of the questions of its task: whether withheld lines were read, and seen ones are there.

Lines are compared as the eye compares them: line ends of any sort are one, and so are spaces of any sort and number,
none counts at the ends of a line, and characters are in Unicode's canonical composition. That is NFC, not NFKC: only
what Unicode calls the same text is taken for the same, where NFKC would take 5² for 52.
"""

import unicodedata
from collections.abc import Sequence

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ahocorasick_rs import AhoCorasick, MatchKind

from dataset_builders.dials import shortened


# What joins words and numbers to longer ones: 1+1=2 does not stand in 21+1=22, in 5+1+1=7 or in 1+1=2.5.
SIGNS = "+-*/^.%=_'\u2212\u00d7\u00f7\u2019"
# What each character, or two, is compared as; one after the other.
SAME = {
    **dict.fromkeys("\ufeff\u200b\u2060", ""),
    **dict.fromkeys(("\r\n", *"\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), "\n"),
    **dict.fromkeys("\t\x1f\xa0\u1680\u202f\u205f\u3000", " "),
    **dict.fromkeys(map(chr, range(0x2000, 0x200B)), " "),
}
REPEATED = {"  ": " ", " \n": "\n", "\n ": "\n", "\n\n": "\n"}
# So many questions are shown of those that are at fault.
EXAMPLES = 3


def checked_against_text(
    splits: datasets.DatasetDict, path: str, leaks: str
) -> tuple[datasets.DatasetDict, int, list[str]]:
    """The splits of a task whose `seen` is what is read.

    Args:
        splits: `train` and `questions`.
        path: What the task is called, for messages.
        leaks: What becomes of withheld questions that were read: `refuse`, or `drop`.

    Returns:
        The splits, without the questions that were dropped; the number of these; and the questions that are said to
        be seen and stand nowhere in the training text, which a model can hardly answer.

    Raises:
        `ValueError`: if withheld questions were read and are not to be dropped, if none is left, or if no question
        that is said to be seen is there.
    """
    asked, seen, stands, was_read = _look_up(splits)
    leaked = ~seen & was_read
    if leaked.any() and leaks != "drop":
        raise ValueError(
            f"{leaked.sum()} of {(~seen).sum()} withheld questions of {shortened(path)} (`seen` is false) stand in "
            f"its training text, such as {_examples(asked, leaked)}: what was read shows no generalisation. Take "
            "their lines out of the text, or say `leaks: drop` beside the `path` of the task to leave them out."
        )
    nowhere = seen & ~stands
    if seen.any() and nowhere.sum() == seen.sum():
        raise ValueError(
            f"None of {seen.sum()} questions of {shortened(path)} whose `seen` is true stands in its training text, "
            f"such as {_examples(asked, nowhere)}: prompt, answer and end together must be what the text has."
        )
    if leaked.all():
        raise ValueError(
            f"All {len(leaked)} questions of {shortened(path)} are leaks: none is left when they are dropped."
        )
    if leaked.any():
        table = splits["questions"].data.table.filter(pa.array(~leaked))
        splits = datasets.DatasetDict({**splits, "questions": datasets.Dataset(table)})
    return splits, int(leaked.sum()), [line for line, missing in zip(asked, nowhere, strict=True) if missing]


def _look_up(splits: datasets.DatasetDict) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Of each question what is asked, whether it is said to be seen, whether that stands in the text, or its line."""
    questions = splits["questions"].data.table
    asked = pc.binary_join_element_wise(questions["prompt"], questions["answer"], questions["end"], "").to_pylist()
    seen = questions["seen"].to_numpy()
    # A withheld question may be asked otherwise than its line has it.
    lines = ["" if is_seen else line for line, is_seen in zip(questions["text"].to_pylist(), seen, strict=True)]
    stands, is_line = standing(asked, lines, splits["train"].data.column("text").to_pylist())
    return asked, seen, stands, stands | is_line


def _examples(asked: Sequence[str], marked: np.ndarray) -> str:
    return ", ".join(shortened(asked[place]) for place in np.flatnonzero(marked)[:EXAMPLES])


def unified(texts: Sequence[str]) -> list[str]:
    """The texts as they are compared; many at once, since a call a text would take its time."""
    joined = "".join(texts)
    between = next(character for character in map(chr, range(0xE000, 0xF900)) if character not in joined)
    text = unicodedata.normalize("NFC", between.join(texts))
    for written, compared in SAME.items():  # each is one fast search, where a regular expression takes seconds
        text = text.replace(written, compared)
    for written, compared in REPEATED.items():
        while written in text:
            text = text.replace(written, compared)
    return [part.strip() for part in text.split(between)]


def standing(asked: Sequence[str], lines: Sequence[str], text_lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which questions stand in a training text, and which lines are lines of it.

    Args:
        asked: Prompt, answer and end of each question: found within a line and across lines too.
        lines: The line of each.
        text_lines: The lines of the training text.

    Returns:
        A truth value for each of `asked`, and for each of `lines`.
    """
    asked, lines = unified(asked), unified(lines)
    # A row is a line, whether a newline ends it or not; but windows read rows as they follow each other.
    texts = unified(["\n".join(text_lines)])
    if not all(line.endswith("\n") for line in text_lines):
        texts += unified(["".join(text_lines)])
    found = set().union(*(text.split("\n") for text in texts)) - {""}
    rest = list(set(asked) - found)
    for text in texts if rest else ():
        found.update(rest[index] for index in _found(rest, f"\n\n{text}\n\n"))
    text = "\n".join(["", *texts, ""])
    return (
        np.array([line in found for line in asked]),
        np.array([line in found or ("\n" in line and f"\n{line}\n" in text) for line in lines]),
    )


def _found(needles: Sequence[str], text: str) -> set[int]:
    """Which of many strings stand in a text, but not in the midst of a word, number or sum."""
    automaton = AhoCorasick(needles, matchkind=MatchKind.Standard)
    matches = automaton.find_matches_as_indexes(text, overlapping=True)
    return {index for index, start, end in matches if _is_edge(text, start) and _is_edge(text, end)}


def _is_edge(text: str, place: int) -> bool:
    """Whether a string may begin or end here, between two characters."""
    before, after = text[place - 2 : place], text[place : place + 2]
    if _is_in_word(before[1]):
        return not (_is_in_word(after[0]) or (after[0] in SIGNS and _is_in_word(after[1])))
    return not (_is_in_word(after[0]) and before[1] in SIGNS and _is_in_word(before[0]))


def _is_in_word(character: str) -> bool:
    # Scripts of other letters (Lo), such as Chinese, put no spaces between words.
    return character.isalnum() and unicodedata.category(character) != "Lo"
