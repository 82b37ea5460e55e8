"""Training text to random windows: the study's batches, as a pure function of (data seed, step)."""

from collections.abc import Callable, Iterator

import numpy as np
import torch


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
