"""Where in the training lines their answers stand."""

from collections.abc import Mapping, Sequence


def answer_spans(lines: Mapping[str, Sequence[str]]) -> list[tuple[int, int]]:
    """Of each line where its answer begins and its end mark ends, in characters: the last place that has both.

    Where a line has no answer, or does not hold it with its end mark, nothing lies between the two.

    Args:
        lines: Columns `text`, `answer`, `end`.
    """
    spans = []
    for text, answer, end in zip(lines["text"][:], lines["answer"][:], lines["end"][:], strict=True):
        place = text.rfind(answer + end) if answer and end else -1
        spans.append((place, place + len(answer + end)) if place >= 0 else (0, 0))
    return spans
