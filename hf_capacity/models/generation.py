"""Greedy decoding: what our models say of it, and as text, many prompts at once, where tokens are no characters."""

import itertools
import sys
from collections.abc import Iterable, Sequence

import torch
from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteria


# Tokens that go through the model at once, padding and what is to be written included: bounds its memory.
TOKENS_A_BATCH = 4096


def num_positions(model: PreTrainedModel) -> int:
    """How many tokens `model` can look at; without bound where its config names none."""
    return positions_of(model.config)


def positions_of(config: PretrainedConfig) -> int:
    """The same of a model's config."""
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    return positions if positions and positions > 0 else sys.maxsize


def generation_settings(tokenizer: PreTrainedTokenizerBase, answer_ends: Iterable[str] = ()) -> GenerationConfig:
    """How a model of ours generates where nothing else is asked for: greedily, to the end of the line, and with its
    prompt no longer than its positions.

    Args:
        tokenizer: Its own.
        answer_ends: What else it is done after, as `Task.answer_ends`, if it was trained on answers alone.
    """
    ends = [tokenizer.eos_token_id, *sorted(tokenizer.get_vocab()[end] for end in answer_ends)]
    ends = [*dict.fromkeys(end for end in ends if end is not None)]
    return GenerationConfig(
        do_sample=False,
        max_length=tokenizer.model_max_length,
        eos_token_id=ends if len(ends) > 1 else next(iter(ends), None),
        pad_token_id=tokenizer.pad_token_id,
    )


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens after which a model is done, as its generation settings and its tokenizer name them."""
    named = model.generation_config.eos_token_id
    return {*(named if isinstance(named, list) else [named]), tokenizer.eos_token_id} - {None}


def continuations(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    max_new_tokens: Sequence[int],
    stop: str | None = None,
) -> list[str]:
    """What `model` writes after each prompt (see `continuations_and_cuts`)."""
    return continuations_and_cuts(model, tokenizer, prompts, max_new_tokens, stop)[0]


def continuations_and_cuts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    max_new_tokens: Sequence[int],
    stop: str | None = None,
) -> tuple[list[str], list[bool]]:
    """What `model` writes after each prompt, greedily, until it ends its text or has written enough.

    It is what decoding adds to the decoded prompt, stripped of nothing: after a prompt that ends in a space, a model
    that reads spaces as part of the word behind them has to write its word without one. A token that ends the text is
    no text, unless it is a single character such as a newline. What the model's positions cannot hold is cropped from
    the left, again for each token, as the paper does.

    Args:
        model: Any causal language model, as `load_model` gives it: in `eval()`, and with no settings of its
            own to generate by, except for what ends a text.
        tokenizer: Its tokenizer. What this puts in front of a text (BOS) is kept; what it appends (EOS) is not.
        prompts: What to go on from.
        max_new_tokens: How many tokens are enough for each prompt; some get more.
        stop: What ends a text too, such as a newline; more may follow it.

    Returns:
        What it writes, and of each text whether more would have come.

    Raises:
        ValueError: A prompt has no tokens, or some that the model does not know.
    """
    ids = [_prompt_ids(tokenizer, prompt) for prompt in prompts]
    check_tokens(model, itertools.chain.from_iterable(ids))
    writer = _Writer(model, tokenizer, stop)
    texts, cut = [""] * len(prompts), [False] * len(prompts)
    if model._is_stateful:  # some recurrent models read padding too, or mix up the states of several prompts
        batches = [[index] for index in range(len(ids))]
    else:
        batches = _batches([len(row) + max(max_new_tokens) for row in ids])
    for batch in batches:
        rows = writer.write([ids[index] for index in batch], [max_new_tokens[index] for index in batch])
        for index, new in zip(batch, rows, strict=True):
            texts[index], cut[index] = writer.text(ids[index], new), not writer.is_finished(new)
    return texts, cut


def check_tokens(model: PreTrainedModel, tokens: Iterable[int]) -> None:
    """Refuses tokens for which the model has no embedding.

    Raises:
        ValueError: There are some.
    """
    num_embeddings = model.get_input_embeddings().weight.shape[0]
    unknown = sorted({token for token in tokens if token >= num_embeddings})
    if unknown:
        raise ValueError(
            f"the tokenizer uses token {unknown[0]} of a model that knows {num_embeddings}: give the model its own "
            "tokenizer."
        )


def _prompt_ids(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    try:
        encoding = tokenizer(prompt, return_special_tokens_mask=True, verbose=False)
    except Exception as error:  # `tokenizers` has none of its own
        raise ValueError(f"the model's tokenizer cannot read {prompt[:40]!r}: {error}") from None
    ids, is_added = encoding["input_ids"], encoding["special_tokens_mask"]
    while ids and is_added[len(ids) - 1]:
        ids.pop()
    if not ids:
        raise ValueError(f"the model's tokenizer makes no token of {prompt[:40]!r}.")
    return ids


def _batches(sizes: Sequence[int]) -> list[list[int]]:
    """Which prompts go through the model together: those of like sizes, so that little is padded."""
    batches: list[list[int]] = []
    for index in sorted(range(len(sizes)), key=sizes.__getitem__):
        if not batches or (len(batches[-1]) + 1) * sizes[index] > TOKENS_A_BATCH:
            batches.append([])
        batches[-1].append(index)
    return batches


class _Writer:
    """Writes after rows of tokens that fit into one batch."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, stop: str | None):
        self.model, self.tokenizer, self.stop = model, tokenizer, stop
        self.ends = end_tokens(model, tokenizer)

    def write(self, rows: Sequence[list[int]], enough: Sequence[int]) -> list[list[int]]:
        """The new tokens of each row, at least `enough` unless it is finished; one by one where the window slides."""
        written: list[list[int]] = [[] for _ in rows]
        unfinished = list(range(len(rows)))
        while unfinished:
            contexts = [(rows[row] + written[row])[-num_positions(self.model) :] for row in unfinished]
            room = num_positions(self.model) - max(map(len, contexts))
            missing = max(enough[row] - len(written[row]) for row in unfinished)
            for row, new in zip(unfinished, self._generate(contexts, max(1, min(missing, room))), strict=True):
                written[row] += new
            unfinished = [
                row for row in unfinished if len(written[row]) < enough[row] and not self.is_finished(written[row])
            ]
        return written

    @torch.no_grad()
    def _generate(self, contexts: Sequence[list[int]], num_new: int) -> list[list[int]]:
        longest = max(map(len, contexts))
        # On the left, where the mask hides it; any token will do, and every model has the first.
        ids_RT = torch.tensor([[0] * (longest - len(context)) + context for context in contexts])
        mask_RT = torch.tensor([[0] * (longest - len(context)) + [1] * len(context) for context in contexts])
        written_RT = self.model.generate(
            input_ids=ids_RT.to(self.model.device),
            attention_mask=mask_RT.to(self.model.device),
            generation_config=GenerationConfig(do_sample=False, max_new_tokens=num_new, pad_token_id=0),
            stopping_criteria=[_Finished(self, longest)],
        )
        return written_RT[:, longest:].tolist()

    def is_finished(self, new: list[int]) -> bool:
        """Whether a row's new tokens end its text, or hold what stops it."""
        return not self.ends.isdisjoint(new) or (self.stop is not None and self.stop in self._decode(new))

    def text(self, row: list[int], new: list[int]) -> str:
        """What the new tokens of a row add to its text."""
        end = next((place for place, token in enumerate(new) if token in self.ends), len(new))
        is_text = len(self._decode(new[end : end + 1])) == 1
        return self._decode(row + new[: end + is_text])[len(self._decode(row)) :]

    def _decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


class _Finished(StoppingCriteria):
    """Which rows are finished, of those whose new tokens begin at a position."""

    def __init__(self, writer: _Writer, start: int):
        self.writer, self.start = writer, start

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs) -> torch.Tensor:
        finished = [self.writer.is_finished(new) for new in input_ids[:, self.start :].tolist()]
        return torch.tensor(finished, device=input_ids.device)
