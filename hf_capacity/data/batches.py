"""Training text to batches, as a pure function of (data seed, step): the paper's random windows, or whole lines."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerFast

from ..config.experiment import ExperimentConfig
from .curriculum import Curriculum, ability_of_windows
from .task import Task
from .tokenizer import encode


# Where a row is longer than its line: no target, as `cross_entropy` has it.
NO_TARGET = -100


class Batches(ABC):
    """Batches of rows of one tensor, which lies on the device once: a batch is one gather from it.

    Nothing is remembered between batches, so a resumed run goes on with the very batch that an undisturbed one would
    draw.

    Args:
        rows_WT: All rows, of block + 1 token ids; below 0 where a row is longer than what it holds.
        batch_size: Rows in a batch, over all processes.
        num_batches: How many there are in a run.
        data_seed: Which rows are drawn.
        rank: This process's number; it takes every `world_size`-th row of the batch.
        world_size: Processes that share a batch.
        curriculum: Which rows a batch is drawn from; all unless given.
        first_batch: Called when iteration starts, gives the step to start from.
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
        curriculum: Curriculum | None = None,
        first_batch: Callable[[], int] = lambda: 0,
    ):
        assert batch_size % world_size == 0, "run_experiment has seen to it"
        self.windows_WT = rows_WT
        self.batch_size, self.num_batches, self.data_seed = batch_size, num_batches, data_seed
        self.rank, self.world_size, self.first_batch = rank, world_size, first_batch
        self.curriculum = curriculum or Curriculum(None, num_batches, [""] * len(rows_WT))

    @abstractmethod
    def batch(self, step: int) -> dict[str, torch.Tensor]:
        """The batch of `step`: `windows_WT`, (rows, block + 1)."""

    @abstractmethod
    def readings(self, num_rows: int) -> float:
        """How often a character is read by one batch that is drawn from so many rows, on average."""

    def exposures(self, steps: int) -> float:
        """How often a line of facts, or of the only task, has been read after so many steps, on average."""
        drawn = self.curriculum.batches_with_facts(steps)
        return sum(number * self.readings(len(self.curriculum.pools[pool])) for pool, number in drawn.items())

    def _rows(self, places: np.ndarray) -> torch.Tensor:
        return self.windows_WT[torch.from_numpy(places).to(self.windows_WT.device)]

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return map(self.batch, range(self.first_batch(), self.num_batches))

    def __len__(self) -> int:
        return self.num_batches


class WindowBatches(Batches):
    """Windows drawn uniformly from the joined text; they cross line ends and start anywhere.

    A text is short beside a batch: of 882 windows of the paper's arithmetic text some 693 are different ones. Where
    the loss can count a window several times, it need not be computed several times.

    Args:
        ids_N: The text's token ids, N of them, on the device where the model trains.
        block_size: Inputs in a window; a window is one token longer.
        batch_size: Windows in a batch, over all processes.
        distinct: Whether a batch has each of its windows once, and says how often it was drawn, as `repeats_W`.
        settings: What `Batches` takes beside.
    """

    def __init__(
        self, ids_N: torch.Tensor, block_size: int, batch_size: int, *, distinct: bool = False, **settings: Any
    ):
        if len(ids_N) <= block_size:
            raise ValueError(
                f"`block_size` (={block_size}) must be below the length of the training text (={len(ids_N)})."
            )
        super().__init__(ids_N.unfold(0, block_size + 1, 1), batch_size, **settings)
        self.block_size, self.distinct = block_size, distinct

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        # A counter-based generator jumps to any step at no cost.
        generator = np.random.Generator(np.random.Philox(key=self.data_seed, counter=[0, 0, 0, step]))
        pool = self.curriculum.pools[self.curriculum.at(step)[0]]
        starts = pool[generator.integers(len(pool), size=self.batch_size)[self.rank :: self.world_size]]
        if not self.distinct:
            return {"windows_WT": self._rows(starts)}
        repeats = np.bincount(starts, minlength=len(self.windows_WT))
        starts = repeats.nonzero()[0]
        return {"windows_WT": self._rows(starts), "repeats_W": torch.from_numpy(repeats[starts])}

    def readings(self, num_rows: int) -> float:
        return self.batch_size * self.block_size / (num_rows + self.block_size)


class LineBatches(Batches):
    """Whole lines, as `line_rows` lays them out: each of them once in an order that is drawn again for each epoch."""

    def __init__(self, *args: Any, **settings: Any):
        super().__init__(*args, **settings)
        self._order_of_epoch = functools.lru_cache(maxsize=4)(self._draw_order)

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        pool, before = self.curriculum.at(step)
        places = np.arange(before * self.batch_size, (before + 1) * self.batch_size)[self.rank :: self.world_size]
        epochs, within = np.divmod(places, len(self.curriculum.pools[pool]))
        lines = np.empty_like(places)
        for epoch in np.unique(epochs):
            lines[epochs == epoch] = self._order_of_epoch(pool, int(epoch))[within[epochs == epoch]]
        return {"windows_WT": self._rows(lines)}

    def readings(self, num_rows: int) -> float:
        return self.batch_size / num_rows

    def _draw_order(self, pool: str, epoch: int) -> np.ndarray:
        generator = np.random.Generator(np.random.Philox(key=self.data_seed, counter=[0, 0, 1, epoch]))
        rows = self.curriculum.pools[pool]
        return rows[generator.permutation(len(rows))]


def build_batches(
    task: Task,
    tokenizer: PreTrainedTokenizerFast,
    config: ExperimentConfig,
    device: torch.device,
    *,
    distinct: bool,
    **settings: Any,
) -> Batches:
    """The batches of a run: windows of the text of its task, or its lines, in the order of its curriculum.

    Args:
        task: What is read.
        tokenizer: One token a character.
        config: The run.
        device: Where the model trains.
        distinct: As in `WindowBatches`.
        settings: What else `Batches` takes: `rank` and `world_size`.

    Raises:
        ValueError: The text is not longer than a block or, where lines are read, a line is.
    """
    settings |= {"num_batches": config.steps, "data_seed": config.data_seed}
    if config.curriculum:
        settings["curriculum"] = Curriculum(config.curriculum, config.steps, _ability_of_rows(task, config))
    if config.batches == "lines":
        lines = [encode(tokenizer, line) for line in task.lines["text"][:]]
        rows_WT = line_rows(lines, *encode(tokenizer, "\n"), config.block_size).to(device)
        return LineBatches(rows_WT, config.batch_size, **settings)
    ids_N = torch.tensor(encode(tokenizer, task.text), device=device)
    return WindowBatches(ids_N, config.block_size, config.batch_size, distinct=distinct, **settings)


def _ability_of_rows(task: Task, config: ExperimentConfig) -> Sequence[str]:
    """Whether the rows that batches are drawn from have lines of the rule or facts (see `Curriculum`)."""
    abilities = task.lines["ability"][:]
    if config.batches == "lines":
        return abilities
    return ability_of_windows(abilities, list(map(len, task.lines["text"][:])), config.block_size)


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
