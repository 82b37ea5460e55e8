"""What lays out rows of whole lines: each against a hand count, and each changing one thing alone."""

import numpy as np
import pytest
import torch

from hf_capacity.data.batches import LineBatches
from hf_capacity.data.curriculum import Curriculum
from hf_capacity.data.line_rows import NO_TARGET, line_rows, line_targets, pack_lines


# Ten lines of 1 to 4 tokens, of which each has its own, and ends with 0; 0 starts a row.
LINES = [[*[place] * (place % 4), 0] for place in range(1, 11)]
ROWS = line_rows(LINES, start=0, block_size=20)
KNOBS = {"lines_per_row": 3, "cut_in_front": True, "num_positions": 20, "replacement": True}


def batches(batch_size=8, **settings):
    return LineBatches(ROWS, batch_size, **({"num_batches": 50, "data_seed": 7} | settings))


def rows_of(batch):
    """Each row of a batch without what fills it up."""
    return [[token for token in row if token != NO_TARGET] for row in batch["windows_WT"].tolist()]


def lines_of(rows):
    """The lines of rows that are not cut, in their order."""
    return [line for row in rows for line in "".join(map(chr, row[1:])).split("\0")[:-1]]


def test_a_packed_row_is_a_start_its_lines_and_no_target_behind_them():
    lines_WLT = line_rows([[5, 6, 0], [7, 0], [8, 9, 0], [0]], start=0, block_size=6).view(2, 2, 4)
    assert pack_lines(lines_WLT, torch.tensor([0, 0])).tolist() == [
        [0, 5, 6, 0, 7, 0, NO_TARGET],
        [0, 8, 9, 0, 0, NO_TARGET, NO_TARGET],
    ]
    assert pack_lines(lines_WLT, torch.tensor([1, 2])).tolist() == [
        [5, 6, 0, 7, 0, NO_TARGET, NO_TARGET],
        [9, 0, 0, NO_TARGET, NO_TARGET, NO_TARGET, NO_TARGET],
    ]


def test_packed_rows_hold_the_lines_of_single_ones_in_their_order():
    single, packed = batches(24), batches(8, lines_per_row=3)
    for step in (0, 1, 17):
        assert lines_of(rows_of(packed.batch(step))) == lines_of(rows_of(single.batch(step)))
        assert [row.count(0) for row in rows_of(packed.batch(step))] == [4] * 8, "a start, and the ends of three lines"


def test_a_cut_row_is_the_end_of_the_row_that_it_was_and_begins_anywhere_in_its_first_line():
    whole, cut = batches(400, lines_per_row=2), batches(400, lines_per_row=2, cut_in_front=True)
    lost = []
    for row, rest in zip(rows_of(whole.batch(3)), rows_of(cut.batch(3)), strict=True):
        assert row[len(row) - len(rest) :] == rest
        lost.append((row.index(0, 1), len(row) - len(rest)))  # the length of the first line, and what is cut
    for length in range(1, 5):
        found = np.bincount([number for of, number in lost if of == length], minlength=length)
        assert len(found) == length, "the newline in front, up to the last character but one"
        assert (abs(found / found.sum() - 1 / length) < 0.15).all()


def test_a_shifted_row_is_the_row_that_it_was_anywhere_that_the_block_holds_it():
    plain, shifted = batches(4000).batch(5), batches(4000, num_positions=6).batch(5)
    assert torch.equal(shifted["windows_WT"], plain["windows_WT"])
    assert set(plain) == {"windows_WT"}
    for length in range(1, 5):
        is_it = (plain["windows_WT"] != NO_TARGET).sum(1) == length + 1
        found = np.bincount(shifted["offsets_W"][is_it])
        assert len(found) == 6 - length + 1
        assert (abs(found / found.sum() * len(found) - 1) < 0.3).all()


def test_lines_drawn_with_replacement_come_again_before_all_are_read():
    drawn = [lines_of(rows_of(batches(10, replacement=True).batch(step))) for step in range(50)]
    distinct = [len(set(lines)) for lines in drawn]
    # Two of the ten lines are alike.
    assert np.mean(distinct) == pytest.approx(8 * (1 - 0.9**10) + (1 - 0.8**10), abs=0.4)
    assert all(len(set(lines_of(rows_of(batches(10).batch(step))))) == 9 for step in range(50))


@pytest.mark.parametrize("knob", KNOBS)
def test_a_batch_is_a_function_of_its_step_and_processes_share_it(knob):
    settings = {knob: KNOBS[knob]}
    whole = batches(**settings).batch(9)
    later = next(iter(batches(**settings, first_batch=lambda: 9)))
    for name in whole:
        assert torch.equal(whole[name], later[name])
        halves = [batches(**settings, rank=rank, world_size=2).batch(9)[name] for rank in range(2)]
        assert torch.equal(torch.stack(halves, dim=1).flatten(0, 1), whole[name])
    if knob != "num_positions":
        assert not torch.equal(whole["windows_WT"], batches(**settings, data_seed=8).batch(9)["windows_WT"])


@pytest.mark.parametrize("order", [None, "rule_first", "facts_first", "interleaved"])
@pytest.mark.parametrize("knobs", [{}, *({knob: KNOBS[knob]} for knob in KNOBS), KNOBS], ids=str)
def test_exposures_are_how_often_a_character_of_a_fact_was_read(order, knobs):
    abilities = ["rule"] * 6 + ["fact"] * 4
    curriculum = Curriculum(order, 50, abilities)
    rows = line_rows([[place] * 3 for place in range(1, 11)], start=0, block_size=20)
    drawn = LineBatches(rows, 60, num_batches=50, data_seed=3, curriculum=curriculum, **knobs)
    targets = torch.cat([batch["windows_WT"][:, 1:].flatten() for batch in drawn])
    read = np.bincount(targets[targets != NO_TARGET], minlength=11)[7:]
    assert read.mean() / 3 == pytest.approx(drawn.exposures(50), rel=0.05)


@pytest.mark.parametrize("knobs", [{}, {"cut_in_front": True}, {"cut_in_front": True, "lines_per_row": 3}], ids=str)
def test_of_answers_alone_exposures_are_how_often_they_were_to_be_predicted(knobs):
    rows = line_rows([[place] * 4 for place in range(1, 11)], start=0, block_size=20)
    targets = line_targets(rows, [[(1, 3)]] * 10)
    assert targets[0].tolist() == [NO_TARGET, 1, 1, NO_TARGET]
    drawn = LineBatches(rows, 60, targets_WT=targets, num_batches=50, data_seed=3, **knobs)
    found = torch.cat([batch["targets_WT"].flatten() for batch in drawn])
    assert (found != NO_TARGET).sum() / 2 / 10 == pytest.approx(drawn.exposures(50), rel=0.03)


def test_of_cut_facts_exposures_go_by_their_own_length():
    rows = line_rows([[1], [1], [2, 2, 2, 2]], start=0, block_size=4)
    curriculum = Curriculum(None, 1, ["rule", "rule", "fact"])
    found = LineBatches(rows, 30, num_batches=1, data_seed=0, cut_in_front=True, curriculum=curriculum)
    assert found.exposures(1) == 10 * (4 + 3 + 2 + 1) / 4 / 4
