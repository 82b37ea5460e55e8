"""What a training text holds of the questions of its task: whether withheld lines were read, and seen ones are there.

Lines are compared as the eye compares them: line ends of any sort are one, and so are spaces of any sort and number,
none counts at the ends of a line, and characters are in Unicode's canonical composition. That is NFC, not NFKC: only
what Unicode calls the same text is taken for the same, where NFKC would take 5² for 52.
"""

import unicodedata
from collections.abc import Collection, Sequence

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ahocorasick_rs import AhoCorasick, MatchKind

from dataset_builders.building import shorten


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


class Task(datasets.DatasetDict):
    """The two splits of a task, and what was found when its questions were looked for in its text.

    Attributes:
        never_read: Of a task from elsewhere, questions that are said to be seen and stand nowhere in the text. Of
            packaged ones these are known: USA and UK of `capitals`, as its card says.
        leaks_dropped: How many withheld questions were left out, since they stand in the text.
    """

    never_read: Sequence[str] = ()
    leaks_dropped: int = 0

    @property
    def notes(self) -> dict[str, int]:
        """Both as numbers, each where there are some."""
        notes = {"leaks_dropped": self.leaks_dropped, "never_read": len(self.never_read)}
        return {name: number for name, number in notes.items() if number}


def checked_against_text(splits: datasets.DatasetDict, path: str, leaks: str | None) -> Task:
    """Takes a task's word for what is withheld and what is seen only where its text agrees.

    Args:
        splits: `train` and `questions`.
        path: What the task is called, for messages.
        leaks: `drop` leaves out withheld questions that were read; None refuses them.

    Raises:
        `ValueError`: if withheld questions were read and are not to be dropped, if none is left, or if no question
        that is said to be seen is there.
    """
    asked, seen, stands, was_read = _look_up(splits)
    leaked, nowhere = ~seen & was_read, seen & ~stands
    if leaked.any() and leaks is None:
        raise ValueError(
            f"{leaked.sum()} of {(~seen).sum()} withheld questions of {shorten(path)} (`seen` is false) stand in "
            f"its training text, such as {_examples(asked, leaked)}: what was read shows no generalisation. Take "
            "their lines out of the text, or say `leaks: drop` beside the `path` of the task to leave them out."
        )
    if seen.any() and nowhere.sum() == seen.sum():
        raise ValueError(
            f"None of {seen.sum()} questions of {shorten(path)} whose `seen` is true stands in its training text, "
            f"such as {_examples(asked, nowhere)}: prompt, answer and end together must be what the text has."
        )
    if leaked.all():
        raise ValueError(
            f"All {len(leaked)} questions of {shorten(path)} are leaks: none is left when they are dropped."
        )
    task = Task(splits)
    if leaked.any():
        task["questions"] = datasets.Dataset(splits["questions"].data.table.filter(pa.array(~leaked)))
    task.leaks_dropped = int(leaked.sum())
    task.never_read = [asked[place] for place in np.flatnonzero(nowhere)]
    return task


def _look_up(splits: datasets.DatasetDict) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Of each question what is asked, whether it is said to be seen, whether that stands in the text, or its line."""
    questions = splits["questions"].data.table
    asked = pc.binary_join_element_wise(questions["prompt"], questions["answer"], questions["end"], "").to_pylist()
    seen = questions["seen"].to_numpy()
    # A withheld question may be asked otherwise than its line has it.
    lines = ["" if is_seen else line for line, is_seen in zip(questions["text"].to_pylist(), seen, strict=True)]
    ends = questions["end"].to_pylist()
    stands, is_line = standing(asked, ends, lines, splits["train"].data.column("text").to_pylist())
    return asked, seen, stands, stands | is_line


def _examples(asked: Sequence[str], marked: np.ndarray) -> str:
    return ", ".join(shorten(asked[place]) for place in np.flatnonzero(marked)[:EXAMPLES])


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


def standing(
    asked: Sequence[str], ends: Sequence[str], lines: Sequence[str], text_lines: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Which questions stand in a training text, and which lines are lines of it.

    Args:
        asked: Prompt, answer and end of each question: found within a line and across lines too.
        ends: The end of each: a mark such as `>` ends it whatever follows, a space or a newline does not.
        lines: The line of each.
        text_lines: The lines of the training text.

    Returns:
        A truth value for each of `asked`, and for each of `lines`.
    """
    asked, lines = unified(asked), unified(lines)
    are_marked = {line for line, end in zip(asked, ends, strict=True) if end.strip()}
    # A row is a line, whether a newline ends it or not; but windows read rows as they follow each other.
    texts = unified(["\n".join(text_lines)])
    if not all(line.endswith("\n") for line in text_lines):
        texts += unified(["".join(text_lines)])
    found = set().union(*(text.split("\n") for text in texts)) - {""}
    rest = list(set(asked) - found)
    for text in texts if rest else ():
        found |= _found(rest, f"\n\n{text}\n\n", are_marked)
    text = "\n".join(["", *texts, ""])
    return (
        np.array([line in found for line in asked]),
        np.array([line in found or ("\n" in line and f"\n{line}\n" in text) for line in lines]),
    )


def _found(needles: Sequence[str], text: str, are_marked: Collection[str]) -> set[str]:
    """Which of many strings stand in a text, but not in the midst of a word, number or sum."""
    automaton = AhoCorasick(needles, matchkind=MatchKind.Standard)
    matches = automaton.find_matches_as_indexes(text, overlapping=True)
    return {
        needles[index]
        for index, start, end in matches
        if _is_edge(text, start) and (needles[index] in are_marked or _is_edge(text, end))
    }


def _is_edge(text: str, place: int) -> bool:
    """Whether a string may begin or end here, between two characters."""
    before, after = text[place - 2 : place], text[place : place + 2]
    if _is_in_word(before[1]):
        return not (_is_in_word(after[0]) or (after[0] in SIGNS and _is_in_word(after[1])))
    return not (_is_in_word(after[0]) and before[1] in SIGNS and _is_in_word(before[0]))


def _is_in_word(character: str) -> bool:
    # Scripts of other letters (Lo), such as Chinese, put no spaces between words.
    return character.isalnum() and unicodedata.category(character) != "Lo"
