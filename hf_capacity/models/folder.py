"""The folder of a model that somebody named, here or on the Hub; refused where reading it could run code."""

from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RevisionNotFoundError,
)

from ..boundary.reading import read_json, read_json_lines


CONFIG, WEIGHTS, WEIGHTS_INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
IS_AN_ADAPTER = (
    "is an adapter without its model: merge it into that (PEFT's `merge_and_unload`), and name what comes out."
)
# What says how weights and text are to be read.
DESCRIPTIONS = ("*.json", "*.txt", "*.model", "*.jinja")
# What a published study holds of its runs.
OF_A_STUDY = ("study.yaml", "*.jsonl", "curves.parquet", "*.safetensors")


def is_on_the_hub(source: str | Path) -> bool:
    """Whether `source` is looked for on the Hub, since it is no folder here."""
    return not Path(source).is_dir()


def model_folder(source: str | Path, step: int | None = None, revision: str | None = None) -> Path:
    """The folder of a model, downloaded if need be: its descriptions first, and its weights only if those are safe.

    Args:
        source: A run's folder, any folder of a causal language model, or a Hub id.
        step: The step of a kept checkpoint: `step-STEP` in the folder, or the tag of that name on the Hub.
        revision: Of a model on the Hub, a branch, tag or commit.

    Raises:
        ValueError: There is no such model or state of it, it cannot be reached, or reading it could run code.
    """
    if step is not None and revision is not None:
        raise ValueError(
            f"`--step` (={step}) and `--revision` (={revision}) both name a state of the model: give one."
        )
    if is_on_the_hub(source):
        if Path(source).exists():
            raise ValueError(f"{source} is a file: name the folder of a model.")
        return _download(str(source), revision if step is None else f"step-{step}")
    if revision is not None:
        raise ValueError(
            f"`--revision` (={revision}) is for models on the Hub, and {source} is a folder: leave it out."
        )
    folder = Path(source)
    if step is not None:
        numbers = [path.name.removeprefix("step-") for path in folder.glob("step-*")]
        kept = sorted(int(number) for number in numbers if number.isdecimal())
        if step not in kept:
            raise ValueError(f"`--step` (={step}) was not kept in {source}: kept are {kept or 'none'}.")
        folder = folder / f"step-{step}"
    if not (folder / CONFIG).exists() and (folder / ADAPTER).exists():
        raise ValueError(f"{source} {IS_AN_ADAPTER}")
    if not (folder / CONFIG).exists():
        raise ValueError(f"{source} is no model: it has no {CONFIG}. {_likely_reason(folder)}".rstrip())
    _refuse_code(source, folder)
    _refuse_missing_weights(source, {path.name for path in folder.iterdir()})
    missing = sorted(name for name in _weights(source, folder) if not (folder / name).exists())
    if missing:
        raise ValueError(f"{source} is not whole: {missing[0]}, which {WEIGHTS_INDEX} names, is missing.")
    return folder


def study_folder(source: str | Path) -> Path:
    """The folder of a study that somebody named, downloaded if need be.

    Args:
        source: A folder here, or the dataset repository of a published study.

    Raises:
        ValueError: There is no such study, or it cannot be reached.
    """
    if not is_on_the_hub(source):
        return Path(source)
    if Path(source).exists():
        raise ValueError(f"{source} is a file: name the folder of a study.")
    if "/" not in str(source):  # more likely a study that is not there yet than a dataset without an owner
        raise ValueError(f"{source} is no folder: name a study's, or make it with `hf-capacity run STUDY`.")
    try:
        folder = snapshot_download(str(source), repo_type="dataset", allow_patterns=list(OF_A_STUDY))
    except Exception as error:  # of the client, or of what it sends its requests with
        is_wrapped = isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception)
        cause = error.__cause__ if is_wrapped else error
        raise ValueError(_reason(str(source), None, cause, "study")) from None
    return Path(folder)


def _download(source: str, revision: str | None) -> Path:
    no_answer = None
    try:
        info = HfApi().model_info(source, revision=revision)
    except (HfHubHTTPError, HFValidationError) as error:
        raise ValueError(_reason(source, revision, error)) from None
    except Exception as error:  # of the client, or of what it sends its requests with
        no_answer = error  # what was downloaded before may do
    else:
        names = {file.rfilename for file in info.siblings or ()}
        if CONFIG not in names and ADAPTER in names:
            raise ValueError(f"{source} {IS_AN_ADAPTER}")
        if CONFIG not in names:
            raise ValueError(f"{source} is no model: it has no {CONFIG}.")
        _refuse_missing_weights(source, names)

    def fetch(*names: str) -> Path:
        try:
            return Path(
                snapshot_download(
                    source,
                    revision=revision,
                    allow_patterns=list(names),
                    ignore_patterns=["*/*"],  # other models, and the same one in other formats
                    local_files_only=no_answer is not None,
                )
            )
        except Exception as error:
            raise ValueError(_reason(source, revision, no_answer or error)) from None

    folder = fetch(*DESCRIPTIONS)
    _refuse_code(source, folder)
    return fetch(*DESCRIPTIONS, *_weights(source, folder))


def _refuse_code(source: str | Path, folder: Path) -> None:
    for name in (CONFIG, "tokenizer_config.json"):
        if (folder / name).exists() and "auto_map" in _read(source, folder / name):
            raise ValueError(f"{source} wants to run code of its own (`auto_map` in {name}): that is not done here.")


def _refuse_missing_weights(source: str | Path, names: set[str]) -> None:
    if not names & {WEIGHTS, WEIGHTS_INDEX}:
        raise ValueError(f"{source} has no {WEIGHTS}: pickled weights are not read, for they can run code.")


def _weights(source: str | Path, folder: Path) -> set[str]:
    """The files that hold the weights: one, or those that the index names."""
    if (folder / WEIGHTS).exists() or not (folder / WEIGHTS_INDEX).exists():
        return {WEIGHTS}
    shards = _read(source, folder / WEIGHTS_INDEX).get("weight_map")
    names = set(shards.values()) if isinstance(shards, dict) else set()
    if not names or not all(isinstance(name, str) and _is_plain(name) for name in names):
        raise ValueError(
            f"{source} cannot be loaded: its {WEIGHTS_INDEX} does not name files of safetensors beside it."
        )
    return names


def _is_plain(name: str) -> bool:
    return name.endswith(".safetensors") and name == Path(name).name


def _read(source: str | Path, path: Path) -> dict:
    try:
        content = read_json(path)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ValueError(f"{source} cannot be loaded as a causal language model: its {path.name} is not whole JSON.")
    return content


def _likely_reason(folder: Path) -> str:
    if (folder / "config.yaml").exists():
        return "Its run is not finished: repeat `hf-capacity run`."
    if (folder / "weights.safetensors").exists():
        return f"It is a kept study: name one of its models, such as {folder}#{_first_run(folder)}."
    if (folder / "runs.jsonl").exists():
        return "It holds records of runs without their weights: train them with `hf-capacity run STUDY`."
    runs = sorted(path.parent.name for path in folder.glob("*/config.json"))
    return f"It holds runs: name one of them, such as {folder / runs[0]}." if runs else ""


def _first_run(folder: Path) -> str:
    """The id of the first run of a kept study."""
    return next(iter(read_json_lines(folder / "runs.jsonl")))["run_id"]


def _reason(source: str, revision: str | None, error: Exception, kind: str = "model") -> str:
    """What a failure on the Hub means for the reader; never the client's own words, in which a token may stand."""
    if isinstance(error, RevisionNotFoundError):
        return f"{source} has no revision {revision!r} on the Hub: name a branch or tag that it has."
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if isinstance(error, HFValidationError):
        reason = "names there look like user/model."
    elif isinstance(error, GatedRepoError):
        reason = "ask for access on its page there, and log in with `hf auth login` or set HF_TOKEN."
    elif status in (401, 403, 404):
        reason = "not found, or private. Log in with `hf auth login` or set HF_TOKEN if it is private."
    elif isinstance(error, OfflineModeIsEnabled):
        reason = "HF_HUB_OFFLINE is set, and it was not downloaded before."
    elif status is not None:
        reason = f"the Hub answers with status {status}. Try again later."
    elif isinstance(error, UnicodeEncodeError):
        reason = "HF_TOKEN has characters that no token has."
    elif isinstance(error, OSError) and error.strerror:
        reason = f"{error.strerror.lower()}."
    else:
        reason = (
            f"the Hub does not answer ({type(error).__name__}), and it was not downloaded before. Is there a network?"
        )
    return f"{source!r} is no folder, and no {kind} on the Hub that can be reached: {reason}"
