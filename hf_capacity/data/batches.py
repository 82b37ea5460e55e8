"""Training text to batches, as a pure function of (data seed, step): the paper's random windows, or whole lines."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import pad
from transformers import PreTrainedTokenizerFast

from ..config.experiment import ExperimentConfig
from .answers import answer_spans
from .curriculum import Curriculum, ability_of_windows
from .line_rows import NO_TARGET, line_rows, line_targets, pack_lines
from .task import Task
from .tokenizer import encode


# Batches drawn in a row, of at most so many tokens in all. 128 windows of the paper's sums take 0.15 ms between two
# steps, whose code drives that of drawing out of the processor's caches, and 0.04 ms among sixteen in a row.
DRAWN_IN_A_ROW = 16
TOKENS_IN_A_ROW = 50_000


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

    @property
    def every_row(self) -> dict[str, torch.Tensor]:
        """All rows as one batch, each from its first position on."""
        return {"windows_WT": self.windows_WT}

    @abstractmethod
    def batch(self, step: int) -> dict[str, torch.Tensor]:
        """The batch of `step`: `windows_WT`, (rows, block + 1)."""

    @abstractmethod
    def readings(self, num_rows: int) -> float:
        """How often a target is read by one batch that is drawn from so many rows, on average."""

    def exposures(self, steps: int) -> float:
        """How often a line of facts, or of the only task, has been read after so many steps, on average."""
        drawn = self.curriculum.batches_with_facts(steps)
        return sum(number * self.readings(len(self.curriculum.pools[pool])) for pool, number in drawn.items())

    def _rows(self, places: np.ndarray) -> dict[str, torch.Tensor]:
        chosen = torch.from_numpy(places).to(self.windows_WT.device)
        return {name: rows_WT[chosen] for name, rows_WT in self.every_row.items()}

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        number = max(1, min(DRAWN_IN_A_ROW, TOKENS_IN_A_ROW // (self.batch_size * self.windows_WT.shape[1])))
        for first in range(self.first_batch(), self.num_batches, number):
            yield from [self.batch(step) for step in range(first, min(first + number, self.num_batches))]

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
            return self._rows(starts)
        repeats = np.bincount(starts, minlength=len(self.windows_WT))
        starts = repeats.nonzero()[0]
        return self._rows(starts) | {"repeats_W": torch.from_numpy(repeats[starts])}

    def readings(self, num_rows: int) -> float:
        return self.batch_size * self.block_size / (num_rows + self.block_size)


class LineBatches(Batches):
    """Rows of whole lines: each line once in an order that is drawn again for each epoch.

    Where lines are cut or rows are shifted, that is all that changes: the lines and their order stay.

    Args:
        rows_WT: All lines, as `line_rows` lays them out.
        batch_size: Rows in a batch, over all processes.
        targets_WT: What of the lines is to be predicted, as `line_targets` marks it; all of them unless given.
        lines_per_row: Lines in a row, which go on after each other; a batch has so many times as many lines.
        cut_in_front: Whether a row begins at a random token of its first line or the start token before it.
        num_positions: Positions among which a row is laid at random, and says where, as `offsets_W`; at the first
            unless given.
        replacement: Whether each line is drawn from all of its pool.
        settings: What `Batches` takes beside.
    """

    def __init__(
        self,
        rows_WT: torch.Tensor,
        batch_size: int,
        *,
        targets_WT: torch.Tensor | None = None,
        lines_per_row: int = 1,
        cut_in_front: bool = False,
        num_positions: int | None = None,
        replacement: bool = False,
        **settings: Any,
    ):
        super().__init__(rows_WT, batch_size, **settings)
        self.targets_WT = targets_WT
        self.lines_per_row, self.cut_in_front = lines_per_row, cut_in_front
        self.num_positions, self.replacement = num_positions, replacement
        self.lengths_N = (rows_WT[:, 1:] != NO_TARGET).sum(1).cpu().numpy()
        self._order_of_epoch = functools.lru_cache(maxsize=4)(self._draw_order)

    @property
    def every_row(self) -> dict[str, torch.Tensor]:
        targets = {} if self.targets_WT is None else {"targets_WT": self.targets_WT}
        return super().every_row | targets

    def batch(self, step: int) -> dict[str, torch.Tensor]:
        """Also `offsets_W`, (rows,), where rows begin at other positions than the first, and `targets_WT`, (rows,
        block), where not all of them is to be predicted."""
        lines_WL = self._draw_lines(step).reshape(self.batch_size, self.lines_per_row)
        lengths_WL = self.lengths_N[lines_WL]
        num_cut_W = np.zeros(self.batch_size, dtype=int)
        if self.cut_in_front:
            num_cut_W = self._generator("cuts", step).integers(lengths_WL[:, 0])
        own = slice(self.rank, None, self.world_size)
        batch = self._lay_out(lines_WL[own], num_cut_W[own])
        if self.num_positions:
            room_W = self.num_positions - (lengths_WL.sum(1) - num_cut_W)
            offsets_W = self._generator("offsets", step).integers(room_W, endpoint=True)[own]
            batch["offsets_W"] = torch.from_numpy(offsets_W).to(self.windows_WT.device)
        return batch

    def readings(self, num_rows: int) -> float:
        return self.batch_size * (self.lines_per_row - (self._share_cut() if self.cut_in_front else 0.0)) / num_rows

    def _share_cut(self) -> float:
        """The share of a line's targets that a cut takes away, on average: the n-th of L characters in 1 - n / L."""
        facts, rows = self.curriculum.facts, self.every_row
        is_target_NT = (rows["targets_WT"] if "targets_WT" in rows else self.windows_WT[:, 1:])[facts] != NO_TARGET
        is_target_NT, lengths_N = is_target_NT.cpu().numpy(), self.lengths_N[facts]
        num_cuts_NT = (lengths_N[:, None] - np.arange(1, is_target_NT.shape[1] + 1)) * is_target_NT
        return (num_cuts_NT.sum(1) / is_target_NT.sum(1) / lengths_N).mean()

    def _draw_lines(self, step: int) -> np.ndarray:
        pool, before = self.curriculum.at(step)
        rows, number = self.curriculum.pools[pool], self.batch_size * self.lines_per_row
        if self.replacement:
            return rows[self._generator("lines", step).integers(len(rows), size=number)]
        epochs, within = np.divmod(np.arange(before * number, (before + 1) * number), len(rows))
        lines = np.empty_like(within)
        for epoch in np.unique(epochs):
            lines[epochs == epoch] = self._order_of_epoch(pool, int(epoch))[within[epochs == epoch]]
        return lines

    def _lay_out(self, lines_WL: np.ndarray, num_cut_W: np.ndarray) -> dict[str, torch.Tensor]:
        if self.lines_per_row == 1 and not self.cut_in_front:
            return self._rows(lines_WL[:, 0])
        lines, cuts_W = self._rows(lines_WL), torch.from_numpy(num_cut_W).to(self.windows_WT.device)
        packed = {"windows_WT": pack_lines(lines["windows_WT"], cuts_W)}
        if "targets_WT" in lines:
            targets_WLT = pad(lines["targets_WT"], (1, 0), value=NO_TARGET)
            packed["targets_WT"] = pack_lines(lines["windows_WT"], cuts_W, targets_WLT)[:, 1:]
        return packed

    def _draw_order(self, pool: str, epoch: int) -> np.ndarray:
        rows = self.curriculum.pools[pool]
        return rows[self._generator("order", epoch).permutation(len(rows))]

    def _generator(self, draws: str, number: int) -> np.random.Generator:
        """Of what is drawn for a step, or for the order of an epoch: none of them moves another."""
        stream = {"order": 1, "lines": 2, "cuts": 3, "offsets": 4}[draws]
        return np.random.Generator(np.random.Philox(key=self.data_seed, counter=[0, 0, stream, number]))


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
    if config.curriculum or config.batches == "lines":
        settings["curriculum"] = Curriculum(config.curriculum, config.steps, _ability_of_rows(task, config))
    if config.batches == "lines":
        lines = [encode(tokenizer, line) for line in task.lines["text"][:]]
        rows_WT = line_rows(lines, *encode(tokenizer, "\n"), config.block_size).to(device)
        return LineBatches(
            rows_WT,
            config.batch_size,
            targets_WT=_answers_of(rows_WT, task) if config.loss_on == "answers" else None,
            lines_per_row=config.lines_per_row,
            cut_in_front=config.cut_in_front,
            num_positions=config.block_size if config.random_offset else None,
            replacement=config.replacement,
            **settings,
        )
    ids_N = torch.tensor(encode(tokenizer, task.text), device=device)
    return WindowBatches(ids_N, config.block_size, config.batch_size, distinct=distinct, **settings)


def _answers_of(rows_WT: torch.Tensor, task: Task) -> torch.Tensor:
    return line_targets(rows_WT, answer_spans(task.lines, task.sizes.common_spans))


def _ability_of_rows(task: Task, config: ExperimentConfig) -> Sequence[str]:
    """Whether the rows that batches are drawn from have lines of the rule or facts (see `Curriculum`)."""
    abilities = task.lines["ability"][:]
    if config.batches == "lines":
        return abilities
    return ability_of_windows(abilities, list(map(len, task.lines["text"][:])), config.block_size)
