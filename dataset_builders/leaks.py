"""Whether `seen` says what the training text says: withheld lines that can be read there, seen ones that cannot."""

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence

import datasets

from .dials import listed


EXAMPLES = 3
# Characters that questions are looked for in, at most: some seconds.
MOST_COMPARED = 10**10


class Task(datasets.DatasetDict):
    """The two splits of a task, and what of its questions was changed or has to be known (`notes`, often empty)."""

    notes: dict[str, int]


def checked_against_text(splits: datasets.DatasetDict, path: str, leaks: str | None) -> Task:
    """Takes a task's word for what is withheld and seen only where its text agrees.

    Lines count as the same whatever their line ends, their trailing spaces and their Unicode normalisation. A question
    whose end mark is no newline is read also at the beginning of a longer line.

    Args:
        splits: As `load_task` gives them.
        path: What messages call the task.
        leaks: `drop` takes withheld questions whose line is read out of the questions; None refuses them.

    Returns:
        The splits; `notes` has `leaks_dropped`, the questions taken out, and `never_read`, the seen questions whose
        line stands nowhere in the text, each where there are some.

    Raises:
        `ValueError`: if withheld lines are read, or if there are seen questions and none of their lines is.
    """
    text = _normalised("".join(splits["train"]["text"]))
    lines = sorted({line.rstrip() for line in text.split("\n")})
    known = frozenset(lines)
    questions = splits["questions"]
    asked = list(zip(*(questions[column][:] for column in ("prompt", "answer", "end")), strict=True))
    is_read = [_is_read(prompt + answer, end, known, lines, text) for prompt, answer, end in asked]
    seen = questions["seen"][:]
    leaked = [place for place, read in enumerate(is_read) if read and not seen[place]]
    unread = [place for place, read in enumerate(is_read) if seen[place] and not read]
    if len(unread) * len(text) < MOST_COMPARED:
        unread = [place for place in unread if _normalised("".join(asked[place])).rstrip() not in text]
    if leaked and leaks is None:
        raise ValueError(
            f"{len(leaked)} of the {seen.count(False)} withheld questions of {path!r} stand in its training text, "
            f"such as {_examples(asked, leaked)}: what is read is not extrapolated. Take the lines out of the text, "
            "or have the questions left out with `task.leaks=drop`."
        )
    if unread and len(unread) == seen.count(True):
        raise ValueError(
            f"None of the {len(unread)} questions of {path!r} that count as seen stands in its training text, such as "
            f"{_examples(asked, unread)}: a line there is prompt, answer and end."
        )
    notes = {"leaks_dropped": len(leaked), "never_read": len(unread)}
    if leaked:
        kept = sorted(set(range(len(asked))) - set(leaked))
        if not kept:
            raise ValueError(f"All questions of {path!r} are withheld and stand in its training text: none is left.")
        questions = questions.select(kept)
    task = Task({"train": splits["train"], "questions": questions})
    task.notes = {name: number for name, number in notes.items() if number}
    return task


def _examples(asked: Sequence[tuple[str, str, str]], places: Sequence[int]) -> str:
    return listed("".join(asked[place]).strip() for place in places[:EXAMPLES])


def _normalised(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _is_read(line: str, end: str, known: frozenset[str], lines: Sequence[str], text: str) -> bool:
    whole = _normalised(line + end)
    if whole.rstrip() in known:
        return True
    inner = whole.rstrip("\n")
    if "\n" in inner:  # an answer of several lines
        return f"\n{whole}" in f"\n{text}"
    if end.endswith("\n"):
        return False
    place = bisect_left(lines, whole)
    return place < len(lines) and lines[place].startswith(whole)
