"""Lines as rows of a tensor: one to each, or packed; and what of them is to be predicted."""

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import pad_sequence


# Where a row is longer than its line: no target, as `cross_entropy` has it.
NO_TARGET = -100


def line_rows(lines: Sequence[Sequence[int]], start: int, block_size: int) -> torch.Tensor:
    """Lines as rows of `block_size` inputs and one target more: a start token, the line, and no target behind it.

    Args:
        lines: Token ids of each line, its newline included.
        start: What comes before the first token of a line.
        block_size: Positions of the model.

    Returns:
        Shape (lines, block + 1), where the block is as long as the longest line; filled up with `NO_TARGET`.

    Raises:
        ValueError: A line is longer than the block.
    """
    longest = max(map(len, lines))
    if longest > block_size:
        raise ValueError(f"`block_size` (={block_size}) must be at least the length of the longest line (={longest}).")
    return pad_sequence([torch.tensor([start, *line]) for line in lines], batch_first=True, padding_value=NO_TARGET)


def line_targets(rows_WT: torch.Tensor, spans: Sequence[Sequence[tuple[int, int]]]) -> torch.Tensor:
    """What of each line is to be predicted, if that is only some parts of it.

    Args:
        rows_WT: Lines as `line_rows` lays them out.
        spans: Of each line the first character of each such part, and the first one behind it; as many of each line.

    Returns:
        Shape (lines, block): what comes after each token but the last, `NO_TARGET` where it is of none.
    """
    place_T, spans_NS2 = torch.arange(rows_WT.shape[1] - 1), torch.tensor(spans)
    starts_SN1, ends_SN1 = spans_NS2.permute(2, 1, 0)[..., None]
    is_target_NT = torch.zeros(len(spans), len(place_T), dtype=torch.bool)
    for start_N1, end_N1 in zip(starts_SN1, ends_SN1, strict=True):
        is_target_NT |= (place_T >= start_N1) & (place_T < end_N1)
    return rows_WT[:, 1:].masked_fill(~is_target_NT.to(rows_WT.device), NO_TARGET)


def pack_lines(
    lines_WLT: torch.Tensor, num_cut_W: torch.Tensor, packed_WLT: torch.Tensor | None = None
) -> torch.Tensor:
    """Several lines to each row, after one start token and with no gap between them.

    Args:
        lines_WLT: Rows of `line_rows`, (rows, lines in a row, longest line + 1).
        num_cut_W: How many tokens each row loses in front, the start token first; fewer than its first line has.
        packed_WLT: What is laid where these tokens would lie, of the same shape; the tokens themselves unless given.

    Returns:
        Shape (rows, lines in a row x longest line + 1), filled up with `NO_TARGET`.
    """
    tokens_WT, laid_WT = (
        torch.cat([rows_WLT[:, 0, :1], rows_WLT[:, :, 1:].flatten(1)], dim=1)
        for rows_WLT in (lines_WLT, lines_WLT if packed_WLT is None else packed_WLT)
    )
    place_T = torch.arange(tokens_WT.shape[1], device=tokens_WT.device)
    is_held_WT = (tokens_WT != NO_TARGET) & (place_T >= num_cut_W[:, None])
    packed_WT = torch.full_like(tokens_WT, NO_TARGET)
    packed_WT[place_T < is_held_WT.sum(1, keepdim=True)] = laid_WT[is_held_WT]
    return packed_WT
