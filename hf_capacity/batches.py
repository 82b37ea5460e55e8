"""Training text to batches, as a pure function of (data seed, step): the study's random windows, or whole lines."""

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence


# Where a row is longer than its line: no target, as `cross_entropy` has it.
NO_TARGET = -100


class WindowBatches:
    """Batches of windows drawn uniformly from the joined text; they cross line ends and start anywhere.

    The text lies on the device once and a batch is one gather from it. Nothing is remembered between batches, so a
    resumed run goes on with the very batch that an undisturbed one would draw.

    A text is short beside a batch: of 882 windows of the study's arithmetic text some 693 are different ones. Where
    the loss can count a window several times, it need not be computed several times.

    Args:
        ids_N: The text's token ids, N of them, on the device where the model trains.
        block_size: Inputs in a window; a window is one token longer.
        batch_size: Windows in a batch, over all processes.
        num_batches: How many there are in a run.
        data_seed: Which windows are drawn.
        rank: This process's number; it takes every `world_size`-th window of the batch.
        world_size: Processes that share a batch.
        distinct: Whether a batch has each of its windows once, and says how often it was drawn.
        first_batch: Called when iteration starts, gives the step to start from.
    """

    def __init__(
        self,
        ids_N: torch.Tensor,
        block_size: int,
        batch_size: int,
        *,
        num_batches: int,
        data_seed: int,
        rank: int = 0,
        world_size: int = 1,
        distinct: bool = False,
        first_batch: Callable[[], int] = lambda: 0,
    ):
        if len(ids_N) <= block_size:
            raise ValueError(
                f"`block_size` (={block_size}) must be below the length of the training text (={len(ids_N)})."
            )
        assert batch_size % world_size == 0, "run_experiment has seen to it"
        self.windows_WT = ids_N.unfold(0, block_size + 1, 1)
        self.batch_size, self.num_batches, self.data_seed = batch_size, num_batches, data_seed
        self.rank, self.world_size, self.first_batch = rank, world_size, first_batch
        self.distinct = distinct
        # How often a character of the text is read in a step, on average; of lines the same.
        self.exposures_a_step = batch_size * block_size / len(ids_N)

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        """The batch of `step`: `windows_WT`, (windows, block + 1), and if they are distinct ones `repeats_W`."""
        # A counter-based generator jumps to any step at no cost.
        generator = np.random.Generator(np.random.Philox(key=self.data_seed, counter=[0, 0, 0, step]))
        starts = generator.integers(len(self.windows_WT), size=self.batch_size)[self.rank :: self.world_size]
        if not self.distinct:
            return {"windows_WT": self._windows_from(starts)}
        repeats = np.bincount(starts, minlength=len(self.windows_WT))
        starts = repeats.nonzero()[0]
        return {"windows_WT": self._windows_from(starts), "repeats_W": torch.from_numpy(repeats[starts])}

    def _windows_from(self, starts: np.ndarray) -> torch.Tensor:
        return self.windows_WT[torch.from_numpy(starts).to(self.windows_WT.device)]

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return map(self.batch, range(self.first_batch(), self.num_batches))

    def __len__(self) -> int:
        return self.num_batches


class LineBatches:
    """Batches of whole lines: every line once in an order that is drawn anew for each epoch.

    Args:
        rows_WT: The lines as `line_rows` lays them out.
        batch_size: Lines in a batch, over all processes.
        num_batches: As in `WindowBatches`, and so are the following.
    """

    def __init__(
        self,
        rows_WT: torch.Tensor,
        batch_size: int,
        *,
        num_batches: int,
        data_seed: int,
        rank: int = 0,
        world_size: int = 1,
        first_batch: Callable[[], int] = lambda: 0,
    ):
        assert batch_size % world_size == 0, "run_experiment has seen to it"
        self.windows_WT = rows_WT
        self.batch_size, self.num_batches, self.data_seed = batch_size, num_batches, data_seed
        self.rank, self.world_size, self.first_batch = rank, world_size, first_batch
        self.exposures_a_step = batch_size / len(rows_WT)
        self._order_of_epoch = functools.lru_cache(maxsize=2)(self._draw_order)

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        """The batch of `step`: `windows_WT`, (lines, block + 1)."""
        places = np.arange(step * self.batch_size, (step + 1) * self.batch_size)[self.rank :: self.world_size]
        epochs, within = np.divmod(places, len(self.windows_WT))
        lines = np.empty_like(places)
        for epoch in np.unique(epochs):
            lines[epochs == epoch] = self._order_of_epoch(int(epoch))[within[epochs == epoch]]
        return {"windows_WT": self.windows_WT[torch.from_numpy(lines).to(self.windows_WT.device)]}

    def _draw_order(self, epoch: int) -> np.ndarray:
        generator = np.random.Generator(np.random.Philox(key=self.data_seed, counter=[0, 0, 1, epoch]))
        return generator.permutation(len(self.windows_WT))

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return map(self.batch, range(self.first_batch(), self.num_batches))

    def __len__(self) -> int:
        return self.num_batches


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
