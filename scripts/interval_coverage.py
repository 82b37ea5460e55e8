"""How often intervals of 95 % cover the mean that they are of, and how wide they are, by simulation.

    python scripts/interval_coverage.py

takes the better part of an hour of one core and writes `model_cards/coverage/`: every row in `coverage.csv`, and what
follows in `report.md`. What is drawn, what is compared and by what it is judged is in `coverage_grid.py`.
"""

import itertools
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import coverage_candidates as candidates
import coverage_grid as grid
import numpy as np
import pandas as pd
import typer
from scipy.integrate import quad
from scipy.stats import beta, binom, binomtest, norm

from hf_capacity.analysis.intervals import RATE
from hf_capacity.boundary.writing import write_atomically
from hf_capacity.report.markdown import markdown_table


KEPT = Path(__file__).parent.parent / "model_cards" / "coverage"
DIFFERENCE = (-1.0, 1.0)
# What `hf_capacity/analysis/intervals.py` does, by the criterion of the grid, and what it did.
CHOSEN = {
    "k of n": "Clopper-Pearson",
    "rates of four": "run at the bound",
    "rates of many": "run at the bound",
    "differences": "half a run",
    "unbounded": "t",
    "unbounded, more skew": "t",
    "rates of four, crossed": "wider",
    "k of n, crossed": "wider",
    "unbounded, crossed": "t",
}
BEFORE = {"k of n": "Wilson"}
COLUMNS = ["kind", "shape", "runs", "candidate", "coverage", "width"]
# Of a crossed table, and of independent runs.
Tables, DataSets = np.ndarray, np.ndarray


class Row(NamedTuple):
    """One row of the grid: many data sets of one shape and size."""

    kind: str
    shape: str
    runs: str
    mean: float
    bounds: tuple[float, float] | None
    draw: Callable[[np.random.Generator], np.ndarray]


def rows() -> list[Row]:
    """All that is simulated, independent runs first."""
    return [*_rows_of_means(), *_rows_of_tables()]


def simulate(row: Row) -> Iterator[tuple]:
    """Of each candidate that serves this row, how often it covers the mean and how wide it is on average."""
    # A row's own draws, whatever rows come before it.
    data, times = row.draw(np.random.default_rng([*f"{row.kind} {row.shape} {row.runs}".encode()])), None
    if data.ndim == 2:
        # The order of independent runs is nothing to any candidate, and few values make the same data sets again.
        data, times = np.unique(np.sort(data, axis=1), axis=0, return_counts=True)
    found = candidates.of_means(data, row.bounds) if data.ndim == 2 else candidates.of_tables(data, row.bounds)
    for name, (low, high) in found.items():
        covered = (low <= row.mean + 1e-9) & (row.mean - 1e-9 <= high)
        coverage, width = (float(np.average(of, weights=times)) for of in (covered, high - low))
        yield row.kind, row.shape, row.runs, name, coverage, width


def counts() -> Iterator[tuple]:
    """The same of k of n, without simulation: summed over k."""
    for total, chance in itertools.product(grid.NUMS_RUNS, grid.CHANCES):
        weights = binom.pmf(np.arange(total + 1), total, chance)
        for name in grid.CANDIDATES_OF_COUNTS:
            low, high = np.array([_of_count(name, count, total) for count in range(total + 1)]).T
            covered = (low <= chance) & (chance <= high)
            yield "k of n", f"{chance:g}", str(total), name, float(weights @ covered), float(weights @ (high - low))


def verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Of each kind and candidate: rows, its least coverage and where, how many rows fall short, its mean width."""
    found = []
    for (kind, name), part in table.groupby(["kind", "candidate"], sort=False):
        worst = part.loc[part["coverage"].idxmin()]
        short = int((part["coverage"] < grid.LEAST_COVERAGE - _error(kind)).sum())
        where = f"{worst['shape']}, {worst['runs']} runs"
        found.append([kind, name, len(part), worst["coverage"], where, short, part["width"].mean()])
    columns = ["kind", "candidate", "rows", "least coverage", "where", "rows that fall short", "mean width"]
    return pd.DataFrame(found, columns=columns)


def page(table: pd.DataFrame) -> str:
    """What follows from all rows, as Markdown."""
    names = candidates_in_words()
    rows = [
        [
            kind,
            f"**{name}**" if CHOSEN[kind] == name else name,
            str(num_rows),
            f"{least:.3f}",
            where,
            str(short),
            f"{width:.3f}",
        ]
        for kind, name, num_rows, least, where, short, width in verdicts(table).itertuples(index=False)
    ]
    header = ["kind", "candidate", "rows", "least coverage", "where", "rows that fall short", "mean width"]
    parts = [
        "# Intervals that cover",
        "How often an interval of 95 % holds the mean that it is of, and how wide it is, over the shapes that runs "
        f"have here: {grid.NUM_DATA_SETS:,} simulated data sets a row, {grid.NUM_TABLES:,} crossed ones, k of n "
        f"summed over k. The standard error of coverage near {grid.LEAST_COVERAGE} is {_error('rates of four'):.4f}, "
        f"of crossed rows {_error('crossed'):.4f}; a row falls short below {grid.LEAST_COVERAGE} less one of these. "
        "Chosen (bold): the narrowest that falls short nowhere or, if all do, the one whose worst row is best. "
        "`python scripts/interval_coverage.py` makes this page and `coverage.csv`; the grid and the criterion are in "
        "`scripts/coverage_grid.py`, written down before anything was run but for what is said there.",
        markdown_table(header, rows, num_texts=2),
        "\n".join(f"- *{name}*: {words}." for name, words in names.items()),
        "## Row by row",
        "The coverage of what is chosen and of what stood before, with mean widths.",
        markdown_table(["kind", "shape", "runs", "chosen", "width", "before", "width"], _beside(table), num_texts=3),
    ]
    return "\n\n".join(parts) + "\n"


def candidates_in_words() -> dict[str, str]:
    """What each candidate is, those of crossed tables under names of their own."""
    crossed = {f"{name} (crossed)": words for name, words in grid.CANDIDATES_OF_TABLES.items()}
    return grid.CANDIDATES_OF_MEANS | crossed


def _error(kind: str) -> float:
    """The Monte Carlo standard error of a coverage."""
    num_sets = grid.NUM_TABLES if "crossed" in kind else grid.NUM_DATA_SETS
    return 0.0 if kind == "k of n" else float(np.sqrt(grid.LEAST_COVERAGE * (1 - grid.LEAST_COVERAGE) / num_sets))


def _beside(table: pd.DataFrame) -> Iterator[list[str]]:
    for (kind, shape, runs), part in table.groupby(["kind", "shape", "runs"], sort=False):
        found = part.set_index("candidate")
        before = "pigeonhole" if "crossed" in kind else BEFORE.get(kind, "percentile")
        cells = (found.loc[name, column] for name in (CHOSEN[kind], before) for column in ("coverage", "width"))
        yield [kind, shape, runs, *(f"{value:.3f}" for value in cells)]


def _rows_of_means() -> Iterator[Row]:
    shapes = {
        "rates of four": {name: _of_four(weights) for name, weights in grid.RATES_OF_FOUR.items()},
        "rates of many": grid.RATES_OF_MANY,
        "unbounded": grid.UNBOUNDED,
        "unbounded, more skew": grid.MORE_SKEW,
    }
    for kind, known in shapes.items():
        for (name, shape), n in itertools.product(known.items(), grid.NUMS_RUNS):
            bounds = None if "unbounded" in kind else RATE
            yield Row(
                kind, name, str(n), _mean(shape), bounds, lambda rng, shape=shape, n=n: _independent(shape, n, rng)
            )
    for (first, second), n in itertools.product(grid.DIFFERENCES, grid.NUMS_RUNS):
        arms = [_of_four(grid.RATES_OF_FOUR[name]) for name in (first, second)]
        mean = _mean(arms[0]) - _mean(arms[1])
        name = f"{first} - {second}"
        yield Row("differences", name, str(n), mean, DIFFERENCE, lambda rng, arms=arms, n=n: _paired(*arms, n, rng))


def _rows_of_tables() -> Iterator[Row]:
    shapes = {
        "unbounded, crossed": {name: grid.UNBOUNDED[name] for name in grid.CROSSED_UNBOUNDED},
        "rates of four, crossed": {name: _of_four(grid.RATES_OF_FOUR[name]) for name in grid.CROSSED_RATES},
        "k of n, crossed": {f"{chance:g}": _all_or_none(chance) for chance in grid.CROSSED_CHANCES},
    }
    for kind, known in shapes.items():
        for (name, shape), size, shares in itertools.product(known.items(), grid.TABLES, grid.VARIANCE_SHARES):
            bounds = None if "unbounded" in kind else RATE
            what = f"{name}; of seeds {shares[0]:g}, of pairs {shares[1]:g}"
            draw = lambda rng, shape=shape, size=size, shares=shares: _crossed(shape, size, shares, rng)  # noqa: E731
            yield Row(kind, what, f"{size[0]} x {size[1]}", _mean(shape), bounds, draw)


def _of_four(weights: tuple[float, ...]) -> Callable[[np.ndarray], np.ndarray]:
    edges = np.cumsum(weights)[:-1]
    return lambda u: grid.QUARTERS[np.searchsorted(edges, u, side="right")]


def _all_or_none(chance: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda u: np.where(u > 1 - chance, 1.0, 0.0)


@cache
def _mean(shape: Callable[[np.ndarray], np.ndarray]) -> float:
    """By quadrature of the quantile function, in pieces between which it may jump."""
    edges = np.linspace(0, 1, 21)
    return sum(quad(lambda u: float(shape(np.array(u))), *piece)[0] for piece in itertools.pairwise(edges))


def _independent(shape: Callable, num_runs: int, rng: np.random.Generator) -> DataSets:
    return shape(rng.random((grid.NUM_DATA_SETS, num_runs)))


def _paired(first: Callable, second: Callable, num_runs: int, rng: np.random.Generator) -> DataSets:
    pair, *own = rng.normal(size=(3, grid.NUM_DATA_SETS, num_runs))
    one, other = (
        shape(norm.cdf((pair + rest) / np.sqrt(2))) for shape, rest in zip((first, second), own, strict=True)
    )
    return one - other


def _crossed(shape: Callable, size: tuple[int, int], shares: tuple[float, float], rng: np.random.Generator) -> Tables:
    parts = [(size[0], 1), (1, size[1]), size]
    scales = np.sqrt([*shares, max(1 - sum(shares), 0)])
    latent = sum(scale * rng.normal(size=(grid.NUM_TABLES, *part)) for scale, part in zip(scales, parts, strict=True))
    return shape(norm.cdf(latent))


@cache
def _of_count(name: str, count: int, total: int) -> tuple[float, float]:
    if name == "Jeffreys":
        low, high = beta.ppf((0.025, 0.975), count + 0.5, total - count + 0.5)
        return (0.0 if count == 0 else low), (1.0 if count == total else high)
    method = {"Wilson": "wilson", "Wilson, corrected": "wilsoncc", "Clopper-Pearson": "exact"}[name]
    interval = binomtest(count, total).proportion_ci(0.95, method)
    return interval.low, interval.high


def main() -> None:
    KEPT.mkdir(exist_ok=True)
    found = list(counts())
    for row in rows():
        found += simulate(row)
        print(f"{row.kind}: {row.shape}, {row.runs} runs", file=sys.stderr, flush=True)
    pd.DataFrame(found, columns=COLUMNS).to_csv(KEPT / "coverage.csv", index=False, float_format="%.4f")
    text = page(pd.read_csv(KEPT / "coverage.csv", dtype={"shape": str, "runs": str}))
    write_atomically(KEPT / "report.md", text)
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
