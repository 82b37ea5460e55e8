"""What a record holds, as a schema: whatever reads one finds every number that it needs, and each is possible."""

import hashlib
import json
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config

# Pydantic wants this one before Python 3.12.
from typing_extensions import TypedDict

from ..boundary.reading import quote


# Records of version 1 hold no digest of their own, and none of the weights that their runs kept along the way.
SCHEMA_VERSION = 2
FIRST_VERSION = 1
CURVE = "learning_curve.jsonl"
# The same of all runs of a kept study, and their models where it has any.
KEPT_RECORDS, KEPT_CURVES, KEPT_WEIGHTS = "runs.jsonl", "curves.parquet", "weights.safetensors"

STRICT = with_config(ConfigDict(strict=True, allow_inf_nan=False))
Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0)]
Text = Annotated[str, Field(min_length=1)]
# The name of its folder, here and on the Hub.
RunId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-][A-Za-z0-9_.+-]*$", max_length=255)]
# A file beside the record, or one of weights kept along the way: never one outside of the run's folder.
FileName = Annotated[str, Field(pattern=r"^(step-[0-9]+/)?[^/\x00]*[^/\x00.][^/\x00]*$")]


def _right_of_asked(tally: list[int]) -> list[int]:
    if tally[0] > tally[1]:
        raise ValueError("more right than asked")
    return tally


def _asked_at_all(tally: list[int]) -> list[int]:
    if not tally[1]:
        raise ValueError("nothing was asked")
    return tally


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("no time zone")
    return text


Tally = Annotated[list[Count], Field(min_length=2, max_length=2), AfterValidator(_right_of_asked)]
Tallies = dict[str, Annotated[Tally, AfterValidator(_asked_at_all)]]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
Moment = Annotated[str, AfterValidator(_moment)]


@STRICT
class Floors(TypedDict, total=False):
    recall: Share
    fit: Share
    extrapolation: Share
    kinds: dict[str, dict[str, Share]]


@STRICT
class Brief(TypedDict):
    step: Count
    loss: float
    exact_match: Share
    recall: Share | None
    fit: Share | None
    extrapolation: Share | None
    counts: Tallies
    published_scoring: Tallies


@STRICT
class Geometry(TypedDict):
    number_line: Annotated[float, Field(le=1)]
    parallelogram_ratio: NotNegative
    effective_rank: NotNegative
    inverse_participation_ratio: NotNegative
    weight_norm: NotNegative


@STRICT
class LinearProbe(TypedDict):
    """R2 of a number of each question, read off the residual stream."""

    seen: float
    withheld: float
    shuffled: float


@STRICT
class LinearProbes(TypedDict):
    first_operand: LinearProbe
    second_operand: LinearProbe
    result: LinearProbe


@STRICT
class Extraction(TypedDict):
    directions: Number
    counts: Tallies


@STRICT
class Probes(Geometry):
    variance_shares: list[NotNegative]
    fourier_shares: list[NotNegative]
    linear_probes: LinearProbes
    extraction: Annotated[list[Extraction], Field(min_length=1)]


@STRICT
class Evaluation(Brief):
    """The last row of a learning curve, or any row."""

    tradeoff_gap: NotRequired[float | None]
    intervals_over_questions_of_one_model: dict[str, Interval]
    kinds: NotRequired[dict[str, dict[str, Tally]]]
    floors: Floors
    withheld: NotRequired[dict[str, bool]]
    bits: NotRequired[dict[str, float]]
    probes: NotRequired[Geometry]


@STRICT
class Task(TypedDict):
    path: Text
    name: str | None
    parameters: NotRequired[dict[str, Any]]


@STRICT
class Model(TypedDict):
    name: str | None
    n_layer: Number
    n_head: NotRequired[Number | None]
    n_embd: NotRequired[Number | None]
    num_parameters: NotRequired[Annotated[float, Field(gt=0)] | None]
    model_type: NotRequired[str | None]


@STRICT
class Sizes(TypedDict):
    """What its model came to, where a record says so: a width may have been derived from a number of parameters."""

    n_layer: Number
    n_head: NotRequired[Number | None]
    n_embd: Number
    n_inner: NotRequired[Number | None]


@STRICT
class Config(TypedDict):
    """Of the config what is read without building it again: that of an earlier protocol may not build today."""

    task: Task
    model: Model
    block_size: Number
    batch_size: Number
    steps: Number
    keep_checkpoints: list[Number]
    model_seed: Count
    data_seed: Count
    split_seed: Count


@STRICT
class Answer(TypedDict):
    prompt: str
    answer: str
    written: str
    seen: bool | None
    right: NotRequired[bool]


@STRICT
class Bits(TypedDict):
    estimator: str
    source: str
    demanded: Annotated[float, Field(gt=0)]
    raw: float
    memorised: Annotated[float, Field(ge=0)]
    per_parameter: Annotated[float, Field(ge=0)]
    items: Number
    exposures_per_item: Annotated[float, Field(ge=0)]
    converged: bool | None
    first_symbols: NotRequired[Annotated[float, Field(ge=0)]]


Versions = TypedDict("Versions", {"hf-capacity": str, "torch": str})


@STRICT
class Provenance(TypedDict):
    started: Moment
    finished: Moment
    seconds: Annotated[float, Field(ge=0)]
    resumed_from: list[Count]
    versions: Annotated[Versions, STRICT]
    git_commit: str | None
    device: str
    num_threads: Number
    host: NotRequired[str]


def _agrees_with_itself(record: "Record") -> "Record":
    if "sizes" not in record and not record["config"]["model"].get("n_embd"):
        raise ValueError("neither `sizes` nor its config say how wide its model is")
    last, best = record["last"], record["best_on_withheld"]
    for evaluation in (last, best):
        for rate in ("exact_match", "recall", "fit", "extrapolation"):
            right, asked = evaluation["counts"].get(rate, (None, None))
            if evaluation[rate] != (right / asked if asked else None):
                raise ValueError(f"{rate} at step {evaluation['step']} is not what its counts say")
    for name in ("counts", "published_scoring"):
        if last[name].keys() != best[name].keys():
            raise ValueError(f"its last and its best evaluation have other {name}")
    if not last["counts"].keys() <= last["intervals_over_questions_of_one_model"].keys():
        raise ValueError("a rate has no interval")
    if ("extrapolation" in last["counts"]) != (record["late_evaluations_solved"] is not None):
        raise ValueError("`late_evaluations_solved` does not go with its counts")
    return record


@STRICT
class Record(TypedDict):
    schema_version: Literal[1, 2]
    run_id: RunId
    study: str
    config: Config
    sizes: NotRequired[Sizes]
    num_parameters: Number
    num_parameters_without_positions: Number
    task_digest: NotRequired[str]
    start: NotRequired[str]
    last: Evaluation
    best_on_withheld: Brief
    late_evaluations_solved: Annotated[Tally, AfterValidator(_asked_at_all)] | None
    answers: NotRequired[Annotated[list[Answer], Field(min_length=1)]]
    bits: NotRequired[Bits]
    probes: NotRequired[Probes]
    provenance: Provenance
    files: dict[FileName, str]
    digest: NotRequired[str]


@cache
def _schemas() -> tuple[TypeAdapter, TypeAdapter]:
    return TypeAdapter(Annotated[Record, AfterValidator(_agrees_with_itself)]), TypeAdapter(Evaluation)


def record_fault(content: Any) -> str | None:
    """What is wrong with a record, in words; None where nothing is. What the schema does not name is let be."""
    return _fault(_schemas()[0], content)


def row_fault(content: Any) -> str | None:
    """The same of a row of a learning curve."""
    return _fault(_schemas()[1], content)


def content_digest(content: dict[str, Any]) -> str:
    """Digest of what a record or a seal holds, but for its own `digest`, however its file is laid out.

    Without a key it detects damage, not forgery: who changes a record on purpose can write its digest again.
    """
    covered = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(covered, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def with_digest(content: dict[str, Any]) -> dict[str, Any]:
    """The content as it will be read again, and its digest."""
    read_again = json.loads(json.dumps(content))
    return read_again | {"digest": content_digest(read_again)}


def _fault(schema: TypeAdapter, content: Any) -> str | None:
    try:
        schema.validate_python(content)
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        place = quote(".".join(map(str, mistake["loc"])))[1:-1]
        if mistake["type"] == "missing":
            return f"`{place}` is missing"
        message = mistake["msg"].removeprefix("Value error, ")
        return f"`{place}` (={quote(mistake['input'])}): {message[0].lower()}{message[1:]}" if place else message
    return None
