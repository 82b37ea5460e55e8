"""Our figures beside outside ones, from the records in `model_cards/`.

    python scripts/validity.py

writes `model_cards/validity/report.md`.
"""

import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import typer

from dataset_builders import load_task
from hf_capacity.analysis.cells import REACHED, Cell, cells_of
from hf_capacity.analysis.delay_law import delay_law
from hf_capacity.analysis.planes import planes_of
from hf_capacity.analysis.statistics import first_lasting
from hf_capacity.analysis.times import Curve, delays
from hf_capacity.analysis.twins import twins_of
from hf_capacity.boundary.writing import write_atomically
from hf_capacity.report.markdown import markdown_table
from hf_capacity.report.sections.capacity_in_bits import Capacity, capacities, capacity_slope
from hf_capacity.report.wording import fraction, mean_text, median_text, share_text
from hf_capacity.runs.claim import read_arms
from hf_capacity.runs.kept import load_curves, load_records


KEPT = Path(__file__).parent.parent / "model_cards"
LEARNED = 0.9  # the recall at which facts count as learned
# Studies that withhold pairs of one-digit sums from models of one layer.
POOLED = ("width", "rotating_pairs", "weight_decay")
RATES = ("fit", "extrapolation")
# By how often each fact is read, of far larger models.
ALLEN_ZHU = {"a hundred times": "at least 1", "a thousand times": "at least 2"}
# Liu et al. (2022, arXiv 2205.10343): right of the 55 pairs in all, by how many of them were read.
LIU = {
    5: 0.127,
    10: 0.248,
    15: 0.339,
    20: 0.467,
    25: 0.642,
    30: 0.733,
    35: 0.830,
    40: 0.897,
    45: 0.970,
    50: 0.970,
    54: 0.958,
}


def page() -> str:
    """The table, as Markdown."""
    header = ["what", "outside figure", "ours", "runs", "command"]
    return (
        "# Against outside figures\n\n"
        f"{markdown_table(header, list(_rows()), num_texts=5)}\n\n"
        "In brackets are 95 % intervals over runs, from five runs up ([how they cover](../coverage/report.md)). "
        "`python scripts/validity.py` makes this page from the records beside it.\n\n"
        f"{_what_strings_can_yield()}\n\n"
        "## Addition from a part of its table\n\n"
        f"{_by_share()}\n\n"
        "Right of all questions, those that were read included. A sum is *known* where a pair that was read has it: "
        "whoever goes by parallelograms of digits alone gets these right at most. The outside models are given the "
        "sum of two embeddings, and have three runs each; ours are of n14.\n\n"
        "## By operation\n\n"
        f"{_by_operation()}\n\n"
        "Withheld questions right at the last step, of runs without weight decay and dropout of the studies "
        f"{', '.join(POOLED)}: counts over runs that share withheld pairs, and so without an interval.\n"
    )


def _rows() -> Iterator[list[str]]:
    for model, outside in (("n14", "1/1"), ("n28", "0/1"), ("n56", "0/1")):
        [cell] = [cell for cell in _cells("seeds") if cell.model == model and cell.task == "arithmetic"]
        best = cell.share(cell.all_right("extrapolation", "best_on_withheld"))
        last = cell.share(cell.all_right("extrapolation"))
        what = f"all withheld sums right, {model} (Barron & White 2025)"
        ours = f"{share_text(best)} at the paper's choice, {share_text(last)} at the end"
        yield [what, outside, ours, str(cell.num_runs), "`hf-capacity run seeds task=arithmetic seeds=5`"]
    for cell in _cells("random_strings"):
        bits = [record["bits"] for record in cell.records]
        outside = "173,000 of 180,224"
        free = mean_text(cell.mean([one["raw"] + one["first_symbols"] for one in bits], None), "{:,.0f}")
        counted = mean_text(cell.mean([one["raw"] for one in bits], None), "{:,.0f}")
        what = "memorised bits of 4,096 strings of 4 out of 2,048 symbols (Morris et al. 2025)"
        yield [what, outside, f"{counted}; {free} if first symbols were free", str(cell.num_runs), _command(cell)]
    found = capacities(_cells("bits_per_parameter"))
    what = "capacity for random strings, bits per parameter (Morris et al. 2025)"
    yield [what, "3.83 in float32 (2.86 to 4.23)", *_per_parameter(found)]
    for read, of_sizes in itertools.groupby(capacities(_cells("exposures")), lambda one: one.differs):
        what = f"capacity for facts, each read {read}, bits per parameter (Allen-Zhu & Li 2024)"
        yield [what, ALLEN_ZHU[read], *_per_parameter(list(of_sizes))]
    found = capacities(_cells("random_labels"))
    what = "capacity for random labels, bits that a parameter adds (Song & Ye 2026)"
    yield [what, "2.16", capacity_slope(found), *_per_parameter(found)[1:]]
    yield _times_to_learn()
    yield _powers_of_delay()
    yield _onset_of_delay()
    grokking = _cells("mod_grokking")
    curves = _curves("mod_grokking")
    for cell in grokking:
        decay = cell.records[0]["config"]["weight_decay"]
        reached = {rate: "; ".join(_first(curves[run["run_id"]], rate) for run in cell.records) for rate in RATES}
        ours = f"fit at {reached['fit']}; extrapolation at {reached['extrapolation']}"
        what = f"a / b mod 97, weight decay {decay:g}: steps to 99 % (Power et al. 2022)"
        outside = "fit by 1,000, extrapolation later" if decay else "-"
        yield [what, outside, ours, str(cell.num_runs), _command(cell)]


def _per_parameter(found: list[Capacity]) -> list[str]:
    """What sizes hold of each parameter, over how many runs, and the command."""
    means = [one.best.mean([record["bits"]["per_parameter"] for record in one.best.records], None) for one in found]
    sizes = [
        f"{mean_text(mean, '{:.2f}')} at {one.best.num_parameters:,}" for mean, one in zip(means, found, strict=True)
    ]
    return ["; ".join(sizes), str(sum(one.best.num_runs for one in found)), _command(found[0].best)]


def _times_to_learn() -> list[str]:
    """How soon models that can learn all facts have done so."""
    cells = [cell for cell in _cells("capacity_scan") if cell.task.startswith("facts")]
    curves = _curves("capacity_scan")
    times = {
        cell.num_parameters: [_first(curves[run["run_id"]], "recall", LEARNED) for run in cell.records]
        for cell in cells
        if min(cell.values("recall")) >= LEARNED
    }
    ours = "; ".join(f"{', '.join(steps)} at {size:,}" for size, steps in sorted(times.items()))
    what = f"steps to {LEARNED:.0%} recall of 1,500 facts, by parameters (Tirumala et al. 2022)"
    num_runs = sum(map(len, times.values()))
    return [what, "fewer, the larger", ours, str(num_runs), "`hf-capacity run capacity_scan`"]


def _powers_of_delay() -> list[str]:
    """As which powers of learning rate and weight decay the delay from fit to extrapolation goes."""
    cells = _cells("delay")
    [plane] = planes_of(cells)
    law = delay_law(plane, _curves("delay"))
    if law is None:
        raise ValueError("no seed of `delay` has enough delays for a law; train it again, or take out its row")
    ours = "; ".join(mean_text(law.powers[name], "{:+.2f}") for name in ("learning_rate", "weight_decay"))
    what = "powers of learning rate and of weight decay in the delay of grokking (Truong et al. 2026)"
    return [what, "-1; -1", ours, str(law.num_runs), _command(cells[0])]


def _onset_of_delay() -> list[str]:
    """Whether extrapolation lags behind fit at the sizes that memorise sooner than they find the rule."""
    cells = _cells("onset")
    curves = _curves("onset")
    [twins] = twins_of(cells, curves)
    ours = "; ".join(
        f"{median_text(size.to_memorise)}, {median_text(size.to_generalise)}, "
        f"{median_text(delays([curves[record['run_id']] for record in size.rule.records]))} "
        f"at {size.rule.num_parameters:,}"
        for size in twins.sizes
    )
    what = "median T_mem, T_gen and delay, by parameters (Song & Ye 2026)"
    return [
        what,
        "no delay where T_gen is below T_mem",
        ours,
        str(sum(cell.num_runs for cell in cells)),
        _command(cells[0]),
    ]


def _by_share() -> str:
    """How much of addition comes right, by how much of its table was read."""
    rows = []
    for cell in _cells("training_share"):
        questions = [_questions(record["config"]) for record in cell.records]
        sums = [{a + b for a, b, seen in asked if seen} for asked in questions]
        known = [
            float(np.mean([a + b in found for a, b, _ in asked])) for asked, found in zip(questions, sums, strict=True)
        ]
        num_read = len({frozenset((a, b)) for a, b, seen in questions[0] if seen})
        right = [mean_text(cell.mean(cell.values(rate))) for rate in ("exact_match", "extrapolation")]
        rows.append([str(num_read), f"{LIU[num_read]:.3f}", f"{np.mean(known):.3f}", *right, str(cell.num_runs)])
    header = ["pairs read of 55", "Liu et al. 2022", "known sums", "ours", "of withheld ones", "runs"]
    return markdown_table(header, sorted(rows, key=lambda row: int(row[0])), num_texts=0)


def _questions(config: dict) -> list[tuple[int, int, bool]]:
    """The operands of each question of a run on addition, and whether it was read."""
    task = config["task"]
    asked = load_task(task["path"], task["name"], split_seed=config["split_seed"], **task["parameters"])["questions"]
    return [
        (*map(int, prompt[1:-1].split("+")), seen)
        for prompt, seen in zip(asked["prompt"][:], asked["seen"][:], strict=True)
    ]


def _by_operation() -> str:
    """The two behaviours that a rate over all withheld questions pools."""
    rows = []
    for model, width in (("n14", 14), ("n56", 56)):
        kinds: dict[str, list[list[int]]] = {}
        for record in (record for study in POOLED for record in load_records(KEPT / study)):
            config = record["config"]
            plain = not config["weight_decay"] and not config["model"]["dropout"]
            if plain and config["model"]["n_embd"] == width:
                for kind, parts in record["last"]["kinds"].items():
                    kinds.setdefault(kind, []).append(parts["unseen"])
        counts = [fraction([sum(column) for column in zip(*tallies, strict=True)]) for tallies in kinds.values()]
        rows.append([model, str(len(next(iter(kinds.values())))), *counts])
    return markdown_table(["model", "runs", *kinds], rows, num_texts=1)


def _what_strings_can_yield() -> str:
    [cell] = _cells("random_strings")
    bits = cell.records[0]["bits"]
    most = bits["demanded"] - bits["items"] * math.log2(bits["items"])
    return (
        f"Which of {bits['items']:,} strings comes next no model can know. That costs log2 {bits['items']:,} = "
        f"{math.log2(bits['items']):.0f} bits a string, so that {most:,.0f} bits are the most that can be memorised."
    )


def _first(curve: list[dict], rate: str, reached: float = REACHED) -> str:
    step = first_lasting([row["step"] for row in curve], [row[rate] >= reached for row in curve])
    end = curve[-1]
    return f"{step:,}" if step is not None else f"none of {end['step']:,} ({end[rate]:.3f} at the end)"


def _cells(study: str) -> list[Cell]:
    return cells_of(load_records(KEPT / study), read_arms(KEPT / study))


def _curves(study: str) -> dict[str, Curve]:
    return load_curves(KEPT / study, load_records(KEPT / study))


def _command(cell: Cell) -> str:
    return f"`hf-capacity run {cell.records[0]['study']}`"


def main() -> None:
    (KEPT / "validity").mkdir(exist_ok=True)
    try:
        text = page()
    except (ValueError, OSError) as error:
        sys.exit(f"Error: {error}")
    write_atomically(KEPT / "validity" / "report.md", text)
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
