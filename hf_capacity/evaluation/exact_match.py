"""Right or wrong, question by question, in one forward pass; and the exact loss of the whole text.

Shapes: Q questions, K answer tokens of all questions together, R rows, T positions, W windows, V vocabulary.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..data.tokenizer import encode
from ..models.generation import end_tokens


# Windows that go through the model at once when the loss of the text is taken: keeps the logits in the cache.
WINDOWS_A_PASS = 512
# More than any answer of the paper's; what a model writes beyond it, and beyond the right answer, is cut.
LONGEST_LINE = 64
CUT = "…"


@dataclass(frozen=True)
class Verdicts:
    """What one pass decided, per question: `correct_Q` is the exact match, `papers_Q` the paper's reading of it."""

    correct_Q: torch.Tensor
    papers_Q: torch.Tensor


class TeacherForcing:
    """Questions laid out so that one forward pass decides them all.

    Greedy decoding writes exactly `answer + end` if and only if, with them fed back, each of their tokens is the
    argmax. A question that fits the block is one row. Past the block the window slides, as in the paper: the
    context is cropped from the left, and each further token is a row of its own. Rows of one length go through the
    model together, so that none is filled up.

    Args:
        questions: Columns `prompt`, `answer`, `end`.
        encode: Text to token ids, one a character.
        block_size: Positions of the model.
        device: Where the model is.
    """

    def __init__(
        self,
        questions: Mapping[str, Sequence[str]],
        encode: Callable[[str], list[int]],
        block_size: int,
        device: torch.device | str = "cpu",
    ):
        _check(questions)
        rows: dict[int, list[list[int]]] = {}  # by their length
        place_K, target_K, question_K, answer_K = [], [], [], []
        for index, (prompt, answer, end) in enumerate(
            zip(questions["prompt"], questions["answer"], questions["end"], strict=True)
        ):
            ids = encode(prompt + answer + end)
            for token in range(len(prompt), len(ids)):
                if token == len(prompt) or token > block_size:
                    context = ids[max(0, token - block_size) : max(token, min(len(ids) - 1, block_size))]
                    rows.setdefault(len(context), []).append(context)
                    length, row = len(context), len(rows[len(context)]) - 1
                place_K.append((length, row * length + min(token, block_size) - 1))
                target_K.append(ids[token])
                question_K.append(index)
                answer_K.append(token < len(prompt) + len(answer))

        def tensor(values: Sequence[int]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.long, device=device)

        self.rows = [tensor(rows_RT) for rows_RT in rows.values()]
        # Where a length's positions begin when all of them are laid end to end.
        starts = dict(zip(rows, accumulate((rows_RT.numel() for rows_RT in self.rows), initial=0), strict=False))
        self.place_K, self.target_K = tensor([starts[length] + place for length, place in place_K]), tensor(target_K)
        self.question_K, self.answer_K = tensor(question_K), tensor(answer_K).bool()
        self.num_questions = len(questions["prompt"])
        # The first token after each answer: what the model writes there decides where its answer stops.
        first_end = [k for k in range(len(answer_K)) if not answer_K[k] and (k == 0 or answer_K[k - 1])]
        self.first_end_Q = tensor(first_end)
        digits = [encode(digit)[0] for digit in "0123456789" if digit in "".join(questions["answer"])]
        self.digits = tensor(digits)
        ends_line = [end.endswith("\n") for end in questions["end"]]
        self.ends_line_Q = tensor(ends_line).bool()
        self.line_end = tensor(encode("\n") if any(ends_line) else [])

    def verdicts(self, predict: Callable[[torch.Tensor], torch.Tensor]) -> Verdicts:
        """Decides every question; `predict` gives the most probable next token after each position of rows."""
        written_K = torch.cat([predict(rows_RT).flatten() for rows_RT in self.rows])[self.place_K]
        right_K = written_K == self.target_K
        correct_Q = self._all_of_each_question(right_K)
        # The paper reads the integer alone, without what follows; and a capital up to the end of the line, stripped.
        answer_right_Q = self._all_of_each_question(right_K | ~self.answer_K)
        written_next_Q = written_K[self.first_end_Q]
        stops_Q = torch.where(
            self.ends_line_Q,
            correct_Q | torch.isin(written_next_Q, self.line_end),
            ~torch.isin(written_next_Q, self.digits),
        )
        return Verdicts(correct_Q, answer_right_Q & stops_Q)

    def _all_of_each_question(self, right_K: torch.Tensor) -> torch.Tensor:
        wrong_Q = torch.zeros(self.num_questions, device=right_K.device)
        return wrong_Q.index_add_(0, self.question_K, (~right_K).float()) == 0


def _check(questions: Mapping[str, Sequence[str]]) -> None:
    for index, parts in enumerate(zip(questions["prompt"], questions["answer"], questions["end"], strict=True)):
        if not all(parts):
            raise ValueError(f"question {index} needs a prompt, an answer and an end: {parts}.")


def verdicts_on_text(
    questions: Mapping[str, Sequence[str]], write: Callable[[Sequence[str], Sequence[int]], Sequence[str]]
) -> Verdicts:
    """Decides every question by what a model writes, whatever its tokens are; the verdicts are `TeacherForcing`'s.

    Args:
        questions: As for `TeacherForcing`.
        write: Prompts, and how many tokens are enough for each, to what follows them: no token is less than a byte.
    """
    _check(questions)
    targets = [answer + end for answer, end in zip(questions["answer"], questions["end"], strict=True)]
    texts = write(questions["prompt"], [len(target.encode()) for target in targets])
    correct, papers = [], []
    for text, target, answer in zip(texts, targets, questions["answer"], strict=True):
        correct.append(text.startswith(target))
        following = text.removeprefix(answer)[:1]  # none where the model ends its text
        closed = following in ("", "\n") if target.endswith("\n") else following not in tuple("0123456789")
        papers.append(correct[-1] or (text.startswith(answer) and closed))
    return Verdicts(torch.tensor(correct), torch.tensor(papers))


@torch.no_grad()
def predict(model: torch.nn.Module, rows_RT: torch.Tensor) -> torch.Tensor:
    """The most probable next token after each position, by `model` as it is (call `eval()` first)."""
    return model(input_ids=rows_RT).logits.argmax(-1)


def line_of(text: str, target: str = "", *, cut: bool) -> str:
    """What is shown of what a model wrote: as many lines as the right answer has, and never less than that answer.

    Args:
        text: What it wrote.
        target: The right answer and its end mark.
        cut: Whether it would have written more: what has no end then says so.
    """
    start = len(target.removesuffix("\n")) if text.startswith(target) else lines_within(target)
    line, newline, _ = text[start:].partition("\n")
    return text[:start] + line + (CUT if cut and not newline else "")


def lines_within(target: str) -> int:
    """How many characters of an answer come before its last line."""
    return target.rfind("\n", 0, -1) + 1


@torch.no_grad()
def mean_loss(model: torch.nn.Module, windows_WT: torch.Tensor, targets_WT: torch.Tensor | None = None) -> float:
    """Mean cross-entropy in nats over every target of every window of the text.

    Args:
        model: As it is (call `eval()` first).
        windows_WT: Token ids, (W, block + 1); negative where there are none.
        targets_WT: Which of the tokens but the first are targets, (W, block), negative elsewhere; all if not given.
    """
    total, num_targets = nll(model, windows_WT, (windows_WT[:, 1:] if targets_WT is None else targets_WT) >= 0)
    return total / num_targets


@torch.no_grad()
def nll(model: torch.nn.Module, windows_WT: torch.Tensor, scored_WT: torch.Tensor) -> tuple[float, int]:
    """Negative log likelihood in nats of the scored targets of all windows, and their number.

    Args:
        model: As it is (call `eval()` first).
        windows_WT: Token ids, (W, block + 1); negative where there are none.
        scored_WT: Which of the targets count, (W, block).
    """
    total = torch.zeros((), dtype=torch.float64)
    for windows, scored in zip(windows_WT.split(WINDOWS_A_PASS), scored_WT.split(WINDOWS_A_PASS), strict=True):
        logits_V = model(input_ids=windows[:, :-1].clamp(min=0)).logits[scored]
        total += cross_entropy(logits_V.float(), windows[:, 1:][scored], reduction="sum").double().cpu()
    return total.item(), int(scored_WT.sum())


def write_lines(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    targets: Sequence[str],
    most: Sequence[int],
) -> list[str]:
    """What is shown of what a model of single characters writes after each prompt, greedily (see `line_of`).

    Args:
        model: As it is (call `eval()` first).
        tokenizer: Its own.
        prompts: What to go on from.
        targets: The right answers with their end marks.
        most: How many tokens are written of a line that does not end.
    """
    ends = line_ends(model, tokenizer)
    ids = [encode(tokenizer, prompt) for prompt in prompts]
    written = write(model, ids, most, ends, list(map(lines_within, targets)))
    return [
        line_of(tokenizer.decode(each), target, cut=len(each) == enough and each[-1] not in ends)
        for each, target, enough in zip(written, targets, most, strict=True)
    ]


def line_ends(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens that end a line of a model of single characters: a newline, and what else the model is done after."""
    return end_tokens(model, tokenizer) | {tokenizer.get_vocab().get("\n")} - {None}


@torch.no_grad()
def write(
    model: torch.nn.Module,
    prompts: Sequence[list[int]],
    most: Sequence[int],
    stops: Collection[int] = (),
    at_least: Sequence[int] | None = None,
) -> list[list[int]]:
    """Greedy decoding that slides the window over what the block cannot hold.

    Prompts of one length go through the model together, so that none is filled up.

    Args:
        model: As it is (call `eval()` first).
        prompts: Token ids, of each prompt.
        most: How many tokens to write after each.
        stops: The tokens that end what is written,
        at_least: if more than so many tokens are written then; none by default.
    """
    block_size = model.config.max_position_embeddings
    written: list[list[int]] = [[] for _ in prompts]
    at_least = at_least or [0] * len(prompts)

    def goes_on(place: int) -> bool:
        ids = written[place]
        return len(ids) < most[place] and (len(ids) <= at_least[place] or ids[-1] not in stops)

    while places := list(filter(goes_on, range(len(prompts)))):
        contexts = {place: (prompts[place] + written[place])[-block_size:] for place in places}
        for length in set(map(len, contexts.values())):
            together = [place for place in places if len(contexts[place]) == length]
            rows_RT = torch.tensor([contexts[place] for place in together], device=model.device)
            for place, token in zip(together, model(input_ids=rows_RT).logits[:, -1].argmax(-1).tolist(), strict=True):
                written[place].append(token)
    return written
