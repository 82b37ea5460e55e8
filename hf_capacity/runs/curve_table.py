"""Learning curves as a Parquet table, from which they are restored to the byte.

There is a row per evaluation. It leaves out what never changes in a run (the floors, which its record has) and what
follows from the counts (Wilson's intervals); `unpack` puts both back.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Any

import pyarrow
from pyarrow import parquet

from ..boundary.reading import quote


RATES = ("exact_match", "recall", "fit", "extrapolation")
INTERVALS = "intervals_over_questions_of_one_model"
TALLY = {"correct": pyarrow.int64(), "questions": pyarrow.int64()}
ENDS = {"low": pyarrow.float64(), "high": pyarrow.float64()}
BITS = ("demanded", "raw", "memorised", "first_symbols")
PROBES = ("number_line", "parallelogram_ratio", "effective_rank", "inverse_participation_ratio", "weight_norm")
# The keys of a row of a learning curve, in the order of its file.
KEYS = (
    "step", "loss", *RATES, "tradeoff_gap", "counts", INTERVALS, "kinds", "floors", "published_scoring", "withheld",
    "bits", "probes",
)  # fmt: skip
# The standard normal distribution's 97.5 % quantile, as SciPy has it.
Z = 1.959963984540054


def _struct(fields: Mapping[str, pyarrow.DataType]) -> pyarrow.DataType:
    return pyarrow.struct(list(fields.items()))


def _of_rates(fields: Mapping[str, pyarrow.DataType]) -> pyarrow.DataType:
    return _struct(dict.fromkeys(RATES, _struct(fields)))


COLUMNS = {
    "run_id": pyarrow.string(),
    "step": pyarrow.int64(),
    **dict.fromkeys(["loss", *RATES, "tradeoff_gap"], pyarrow.float64()),
    "counts": _of_rates(TALLY),
    "kinds": pyarrow.list_(_struct({"kind": pyarrow.string(), "seen": _struct(TALLY), "unseen": _struct(TALLY)})),
    "published_scoring": pyarrow.list_(_struct({"kind": pyarrow.string(), **TALLY})),
    "withheld": pyarrow.list_(_struct({"prompt": pyarrow.string(), "right": pyarrow.bool_()})),
    "bits": _struct(dict.fromkeys(BITS, pyarrow.float64())),
    INTERVALS: _of_rates(ENDS),  # null where they are Wilson's
    "probes": _struct(dict.fromkeys(PROBES, pyarrow.float64())),
}
# There is no such column where it would have nothing in it.
OPTIONAL = (INTERVALS, "probes")
SCHEMA = pyarrow.schema(list(COLUMNS.items()))


def write_curves(curves: Mapping[str, Sequence[dict[str, Any]]]) -> bytes:
    """The learning curves of a study as a Parquet file.

    Args:
        curves: The rows of each run, by run id.
    """
    packed = [{"run_id": run_id, **_pack(row)} for run_id, rows in curves.items() for row in rows]
    table = pyarrow.Table.from_pylist(packed, schema=SCHEMA)
    table = table.drop_columns([name for name in OPTIONAL if table[name].null_count == len(table)])
    file = io.BytesIO()
    parquet.write_table(table, file, compression="zstd", compression_level=19)
    return file.getvalue()


def read_curves(content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Reads what `write_curves` wrote: the packed rows, each with its run id; `unpack` restores a row.

    Raises:
        ValueError: It is no Parquet file, or has other columns.
    """
    try:
        table = parquet.read_table(io.BytesIO(content))
        for name in set(OPTIONAL) - set(table.column_names):
            table = table.append_column(name, pyarrow.nulls(len(table), COLUMNS[name]))
        other = sorted(set(table.column_names) ^ set(COLUMNS))
        if other:
            raise ValueError(f"does not have the columns of learning curves: check {', '.join(map(quote, other[:3]))}")
        table = table.select(list(COLUMNS)).cast(SCHEMA)
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        reason = quote(" ".join(str(error).split()))
        raise ValueError(f"is no table of learning curves in Parquet ({reason})") from None
    for packed in table.to_pylist():
        yield packed.pop("run_id"), packed


def unpack(packed: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """A row of a learning curve as it was written.

    Args:
        packed: What the table has of it.
        record: The run's.

    Raises:
        ValueError: The table has values that no evaluation can have.
    """
    last = record["last"]
    try:
        counts = {rate: _unpack_tally(tally) for rate, tally in packed["counts"].items() if tally}
        intervals = packed[INTERVALS]
        row = packed | {
            "counts": counts,
            INTERVALS: {
                rate: [*intervals[rate].values()] if intervals else wilson_interval(*counts[rate]) for rate in counts
            },
            "kinds": {
                one["kind"]: {part: _unpack_tally(one[part]) for part in ("seen", "unseen") if one[part]}
                for one in packed["kinds"] or []
            },
            "floors": last["floors"],
            "published_scoring": {one["kind"]: _unpack_tally(one) for one in packed["published_scoring"]},
            "withheld": {one["prompt"]: one["right"] for one in packed["withheld"] or []},
            "bits": {name: bits for name, bits in (packed["bits"] or {}).items() if bits is not None},
        }
    except (TypeError, AttributeError, ArithmeticError, ValueError):
        raise ValueError("has values that no evaluation can have") from None
    has_withheld = packed["withheld"] is not None
    return {key: row[key] for key in KEYS if (has_withheld if key == "withheld" else key in last)}


def wilson_interval(right: int, questions: int) -> list[float]:
    """Wilson's 95 % interval in SciPy's order of operations, with no library's quantile: the same on any machine."""
    share, square = right / questions, Z**2
    middle = (2 * questions * share + square) / (2 * (questions + square))
    reach = Z / (2 * (questions + square)) * sqrt(4 * questions * share * (1 - share) + square)
    return [middle - reach if right else 0.0, middle + reach if right < questions else 1.0]


def _pack(row: dict[str, Any]) -> dict[str, Any]:
    counts, intervals = row["counts"], row[INTERVALS]
    is_wilsons = all(list(intervals[rate]) == wilson_interval(*counts[rate]) for rate in counts)
    return {
        **{name: row.get(name) for name in ("step", "loss", *RATES, "tradeoff_gap", "bits", "probes")},
        "counts": {rate: _pack_tally(counts.get(rate)) for rate in RATES},
        "kinds": [
            {"kind": kind, **{part: _pack_tally(tally) for part, tally in parts.items()}}
            for kind, parts in row.get("kinds", {}).items()
        ],
        "published_scoring": [
            {"kind": kind, **_pack_tally(tally)} for kind, tally in row["published_scoring"].items()
        ],
        "withheld": (
            [{"prompt": prompt, "right": right} for prompt, right in row["withheld"].items()]
            if "withheld" in row
            else None
        ),
        INTERVALS: None if is_wilsons else {rate: dict(zip(ENDS, intervals[rate], strict=True)) for rate in counts},
    }


def _pack_tally(tally: Sequence[int] | None) -> dict[str, int] | None:
    return dict(zip(TALLY, tally, strict=True)) if tally else None


def _unpack_tally(named: Mapping[str, int]) -> list[int]:
    return [named[name] for name in TALLY]
