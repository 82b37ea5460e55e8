"""A linear probe: what of the numbers of a question stands in the residual stream before its answer is written.

Shapes: Q questions, R rows, T positions, D dimensions, F frequencies.
"""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..models.generation import num_positions


ROWS_A_PASS = 512
# Of the control. Their mean moves little after that.
NUM_SHUFFLES, SEED = 20, 0
# Of the largest singular value, what is left over by rounding in float32.
ROUNDING = 1e-6


@torch.no_grad()
def residual_stream(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> np.ndarray:
    """The residual stream at the last position of each prompt, after the last norm, as the head reads it: (Q, D)."""
    rows: dict[int, list[int]] = {}
    block_size = num_positions(model)
    ids = [row[-block_size:] for row in tokenizer(list(prompts), verbose=False)["input_ids"]]
    for place, row in enumerate(ids):
        rows.setdefault(len(row), []).append(place)
    stream_QD = np.empty((len(ids), model.get_input_embeddings()(torch.tensor([0], device=model.device)).shape[-1]))
    for places in rows.values():
        for start in range(0, len(places), ROWS_A_PASS):
            chosen = places[start : start + ROWS_A_PASS]
            rows_RT = torch.tensor([ids[place] for place in chosen], device=model.device)
            stream_RTD = model(input_ids=rows_RT, output_hidden_states=True).hidden_states[-1]
            stream_QD[chosen] = stream_RTD[:, -1].double().cpu().numpy()
    return stream_QD


def read_numbers(
    stream_QD: np.ndarray, numbers_Q: np.ndarray, is_seen_Q: np.ndarray, modulus: int | None = None
) -> dict[str, float]:
    """How well a number of each question is read off the residual stream by least squares.

    Fitted to seen questions, and read on withheld ones. Residues lie on circles: of all frequencies that counts which
    is read best on seen questions.

    Args:
        stream_QD: As `residual_stream` gives it.
        numbers_Q: An operand of each question, or its result.
        is_seen_Q: Which questions the model has read.
        modulus: Of what the numbers are residues, if they are.

    Returns:
        R2 over `seen` and over `withheld` questions, where 0 is the mean of the seen ones, and `shuffled`: the mean
        over withheld ones of probes that were fitted to the seen numbers in random order (Hewitt & Liang 2019, arXiv
        1909.03368).
    """
    inputs_QD = np.column_stack([np.ones(len(stream_QD)), stream_QD])
    seen_QD, withheld_QD = inputs_QD[is_seen_Q], inputs_QD[~is_seen_Q]
    fit_DQ = np.linalg.pinv(seen_QD, rcond=ROUNDING)
    targets_QF2 = _targets(numbers_Q, modulus)
    seen_QF2, withheld_QF2 = targets_QF2[is_seen_Q], targets_QF2[~is_seen_Q]

    def scores(labels_QF2: np.ndarray) -> tuple[float, float]:
        weights_DF2 = np.tensordot(fit_DQ, labels_QF2, 1)
        mean_F2 = labels_QF2.mean(0)
        on_seen_F = _r2(np.tensordot(seen_QD, weights_DF2, 1), labels_QF2, mean_F2)
        on_withheld_F = _r2(np.tensordot(withheld_QD, weights_DF2, 1), withheld_QF2, mean_F2)
        best = int(on_seen_F.argmax())
        return float(on_seen_F[best]), float(on_withheld_F[best])

    seen, withheld = scores(seen_QF2)
    rng = np.random.default_rng(SEED)
    shuffled = [scores(rng.permutation(seen_QF2))[1] for _ in range(NUM_SHUFFLES)]
    return {"seen": seen, "withheld": withheld, "shuffled": float(np.mean(shuffled))}


def _targets(numbers_Q: np.ndarray, modulus: int | None) -> np.ndarray:
    """Numbers as they are, (Q, 1, 1); residues as points on a circle for each frequency, (Q, F, 2)."""
    if modulus is None:
        return numbers_Q[:, None, None].astype(float)
    angles_QF = 2 * np.pi / modulus * np.outer(numbers_Q, np.arange(1, modulus // 2 + 1))
    return np.stack([np.cos(angles_QF), np.sin(angles_QF)], axis=-1)


def _r2(read_QF2: np.ndarray, true_QF2: np.ndarray, mean_F2: np.ndarray) -> np.ndarray:
    missed_F, spread_F = (((true_QF2 - guess) ** 2).sum((0, 2)) for guess in (read_QF2, mean_F2))
    # One number that is the mean itself has nothing to be explained.
    return 1 - missed_F / np.maximum(spread_F, np.finfo(float).tiny)
