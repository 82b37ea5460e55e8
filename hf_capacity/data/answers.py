"""Where in the training lines their answers stand."""

from collections.abc import Mapping, Sequence
from typing import Any


# Where an answer begins and its end mark ends, in characters of its line.
Span = tuple[int, int]


def answer_spans(lines: Mapping[str, Sequence[str]], common: Sequence[Span] | None = None) -> list[Sequence[Span]]:
    """Of each line where its answers stand with their end marks.

    A line has the answer of its row, at the last place that has both. Where it has none, or does not hold it with its
    end mark, nothing lies between the two.

    Args:
        lines: Columns `text`, `answer`, `end`.
        common: Where all of them have several, as `common_spans` gives it.
    """
    if common:
        return [common] * len(lines["text"])
    spans: list[Sequence[Span]] = []
    for text, answer, end in zip(lines["text"][:], lines["answer"][:], lines["end"][:], strict=True):
        place = text.rfind(answer + end) if answer and end else -1
        spans.append([(place, place + len(answer + end)) if place >= 0 else (0, 0)])
    return spans


def common_spans(lines: Mapping[str, Sequence[str]], questions: Mapping[str, Sequence[Any]]) -> Sequence[Span] | None:
    """Where training lines have their answers that are asked several questions; none where each is asked one.

    Not all lines have to be asked: those that are show it for all. Nobody knows it (None) where they differ in it, or
    lines in their length.

    Args:
        lines: Column `text`.
        questions: Columns `text`, `prompt`, `answer`, `end`.
    """
    texts = lines["text"][:]
    spans: dict[str, list[Span]] = {text: [] for text in texts}
    columns = (questions[name][:] for name in ("text", "prompt", "answer", "end"))
    for text, prompt, answer, end in zip(*columns, strict=True):
        if text in spans:
            spans[text].append((len(prompt), len(prompt + answer + end)))
    asked = {tuple(sorted(set(places))) for places in spans.values() if places}
    if all(len(places) == 1 for places in asked):
        return ()
    return asked.pop() if len(asked) == len(set(map(len, texts))) == 1 else None
