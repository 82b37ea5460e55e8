"""The models of a kept study in one file, so that they can be asked without being trained again.

`weights.safetensors` holds their tensors by run, `arithmetic-n14-s1337-4cfbd8b8/transformer.wte.weight`, those of a
kept checkpoint as `RUN/step-500/...`; `files` of its metadata has the text files beside them, such as
`RUN/tokenizer.json`, as JSON.
"""

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..boundary.writing import Damaged, short_digest, write_atomically
from .claim import CLAIM
from .kept import AGAIN, load_curves, load_records
from .records import record_text
from .schema import CURVE, KEPT_RECORDS, KEPT_WEIGHTS
from .vouching import MODEL_FILES


WEIGHTS = "model.safetensors"


def pack_weights(records: Sequence[dict[str, Any]]) -> bytes:
    """The models of finished runs as one file of safetensors.

    Args:
        records: Of the runs, each with the `folder` where its model lies.
    """
    from safetensors.torch import load, save

    tensors, texts = {}, {}
    for record in records:
        for name in _of_models(record):
            content, inside = (record["folder"] / name).read_bytes(), f"{record['run_id']}/{name}"
            if Path(name).name == WEIGHTS:
                folder = inside.removesuffix(WEIGHTS)
                tensors |= {folder + tensor: value for tensor, value in load(content).items()}
            else:
                texts[inside] = content.decode()
    # One entry: of several the library shuffles the order, and the same models would be another file each time.
    return save(tensors, metadata={"files": json.dumps(texts)})


def find_weights(folder: Path, records: Sequence[dict[str, Any]]) -> dict[str, bytes | Path]:
    """What a published study holds of its models: of runs in folders all of them, of a kept study what is kept."""
    if (folder / KEPT_WEIGHTS).exists():
        return {KEPT_WEIGHTS: folder / KEPT_WEIGHTS}
    return {} if (folder / KEPT_RECORDS).exists() else {KEPT_WEIGHTS: pack_weights(records)}


def unpack_study(folder: Path) -> Path:
    """A kept study as the folder of its runs, each with its model, until this process ends.

    Args:
        folder: The kept study's, such as `model_cards/quick`.

    Raises:
        Damaged: Its weights are missing, or not those that its records vouch for.
    """
    records = load_records(folder)
    return _unpack(folder, records, records)


def unpack_model(folder: Path, name: str) -> Path:
    """The folder of one run of a kept study, until this process ends.

    Args:
        folder: The kept study's, such as `model_cards/quick`.
        name: The run's id, or as much of its beginning as no other has: `arithmetic-n14`.

    Raises:
        ValueError: No run is called so, or several are.
        Damaged: As in `unpack_study`.
    """
    if not (folder / KEPT_RECORDS).exists():
        raise ValueError(f"{folder} is no kept study (it has no {KEPT_RECORDS}): name a run's folder instead.")
    records = load_records(folder)
    named = [record for record in records if f"{record['run_id']}-".startswith(f"{name}-")]
    if len(named) != 1:
        runs = [record["run_id"] for record in named or records]
        shown = ", ".join(runs[:3]) + (", ..." if len(runs) > 3 else "")
        raise ValueError(f"{folder} has {len(named) or 'no'} runs {name!r}: name one, such as {shown}.")
    return _unpack(folder, records, named) / named[0]["run_id"]


def _unpack(folder: Path, records: list[dict[str, Any]], named: list[dict[str, Any]]) -> Path:
    from safetensors import SafetensorError, safe_open

    path = folder / KEPT_WEIGHTS
    if not path.exists():
        raise Damaged(f"{folder} has records but no {KEPT_WEIGHTS}: train its models with `hf-capacity run STUDY`.")
    curves = load_curves(folder, records)
    runs = Path(tempfile.mkdtemp(prefix="hf-capacity-"))
    atexit.register(shutil.rmtree, runs, ignore_errors=True)
    shutil.copy(folder / CLAIM, runs)
    try:
        with safe_open(path, "pt") as weights:
            for record in named:
                _write_run(runs / record["run_id"], record, curves[record["run_id"]], weights)
    except Damaged:
        raise
    except (SafetensorError, KeyError, TypeError, ValueError):
        raise Damaged(f"{path} does not hold the models of {KEPT_RECORDS}. {AGAIN}") from None
    return runs


def _write_run(run: Path, record: dict[str, Any], curve: Iterable[dict[str, Any]], weights: Any) -> None:
    from safetensors.torch import save

    texts = json.loads(weights.metadata()["files"])
    for name, digest in _of_models(record).items():
        inside = f"{run.name}/{name}"
        if Path(name).name == WEIGHTS:
            folder = inside.removesuffix(WEIGHTS)
            own = [key for key in weights.keys() if key.startswith(folder) and "/" not in key.removeprefix(folder)]  # noqa: SIM118
            # As transformers writes them.
            tensors = {key.removeprefix(folder): weights.get_tensor(key) for key in own}
            content = save(tensors, metadata={"format": "pt"})
        else:
            content = texts[inside].encode()
        if short_digest(content) != digest:
            raise Damaged(f"{KEPT_WEIGHTS} has another {inside} than {KEPT_RECORDS} vouches for. {AGAIN}")
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(run / name, content)
    write_atomically(run / CURVE, "".join(json.dumps(row) + "\n" for row in curve))
    own_record = {key: value for key, value in record.items() if key != "folder"}
    write_atomically(run / "record.json", record_text(own_record))


def _of_models(record: dict[str, Any]) -> dict[str, str]:
    """The files of a run that are read of a model, at its end or as it was kept on the way, and their digests."""
    return {name: digest for name, digest in record["files"].items() if Path(name).name in MODEL_FILES}
