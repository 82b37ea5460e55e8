"""Replications: which study a folder replicates, and where that lies."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from ..boundary.reading import quote, read_yaml
from ..boundary.writing import write_atomically
from ..config.packaged import packaged_path
from ..config.seeds import check_seeds
from ..config.study import STUDY_NAME
from .claim import CLAIM
from .kept import load_records
from .schema import KEPT_RECORDS


@dataclass(frozen=True, kw_only=True)
class Original:
    """The study that another one replicates, by what it is known by wherever it lies.

    Args:
        study: Its name.
        folder: What its folder is called.
        runs: How many finished runs it had.
        digest: That of their ids.
        seeds: How many the replication has, as it was asked for them; None: as many as the original.
    """

    study: str
    folder: str
    runs: int
    digest: str
    seeds: Any = None

    def __str__(self) -> str:
        seeds = "its seeds" if self.seeds is None else f"seeds {quote(self.seeds)}"
        return f"the {self.runs} runs of {quote(self.study)} (plan:{self.digest}) with {seeds}"

    def command(self, name: str) -> str:
        """What replicates it, or finishes that, as a study of this name."""
        seeds = self.seeds
        if isinstance(seeds, dict):
            seeds = f'"{{{", ".join(f"{together}: {number}" for together, number in seeds.items())}}}"'
        asked = "" if seeds is None else f" --seeds {seeds}"
        return f"hf-capacity replicate {self.study}{asked} --output runs/{name}"

    def to_dict(self) -> dict[str, Any]:
        """As `study.yaml` has it."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def plan_digest(run_ids: Iterable[str]) -> str:
    """A digest of the runs of a plan, which no other plan has, whatever they are called and in whatever order."""
    return hashlib.sha256("\n".join(sorted(run_ids)).encode()).hexdigest()[:12]


def describe_original(folder: Path, records: list[dict[str, Any]], seeds: Any = None) -> Original:
    """What a replication notes of the study that it replicates.

    Args:
        folder: The study's folder.
        records: All its records.
        seeds: How many seeds were asked for.
    """
    study, digest = records[0]["study"], plan_digest(_ids(records))
    return Original(study=study, folder=folder.resolve().name, runs=len(records), digest=digest, seeds=seeds)


def find_study(source: str) -> Path:
    """The folder of a study that has finished runs.

    Args:
        source: The folder, or the study's name: then its runs are in `runs/`, or kept in `model_cards/`.

    Raises:
        ValueError: There is none.
    """
    named = [Path("runs", source), packaged_path("model_cards", source)] if STUDY_NAME.fullmatch(source) else []
    for folder in (Path(source), *named):
        if _has_runs(folder):
            return folder
    where = " or ".join(str(folder) for folder in named) or "it"
    raise ValueError(
        f"{quote(source)} has no finished run: there is none in {where}. Name the folder of a study, or train some "
        "with `hf-capacity run STUDY`."
    )


def read_original(folder: Path) -> Original | None:
    """What a study's folder says that it replicates; None where it does not say."""
    try:
        original = Original(**read_yaml(Path(folder) / CLAIM)["replicates"])
        return original if _is_sound(original) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def find_original(folder: Path, original: Original) -> Path | None:
    """Where the study lies that a folder replicates: beside it, in `runs/`, or kept in `model_cards/`.

    None where it is nowhere, or has lost some of its runs.

    Raises:
        Damaged: A record there is.
    """
    folder = Path(folder)
    beside = [folder.parent / original.folder, folder.parent / original.study]
    for candidate in (*beside, Path("runs", original.study), packaged_path("model_cards", original.study)):
        is_another = _has_runs(candidate) and candidate.resolve() != folder.resolve()
        if is_another and replicated_records(candidate, original):
            return candidate
    return None


def replicated_records(folder: Path, original: Original) -> list[dict[str, Any]]:
    """Which of a study's records a replication is of: a study may have grown since, and those finished first.

    None where they are not there.

    Raises:
        Damaged: A record there is.
    """
    records = load_records(folder)
    before = set(_ids(sorted(records, key=lambda record: record["provenance"]["finished"])[: original.runs]))
    is_original = plan_digest(before) == original.digest
    return [record for record in records if record["run_id"] in before] if is_original else []


def check_replication(output: Path, original: Original) -> None:
    """Checks that a folder is free to replicate a study, and that its report will find that.

    Raises:
        ValueError: It replicates something else or nothing, or the study lies where no report would look for it.
    """
    if _has_runs(output) or (output / CLAIM).exists():
        found = read_original(output)
        if found != original and (found or _has_runs(output)):
            raise ValueError(
                f"`--output` (={output}) replicates {found or 'nothing'}, and this would be {original}: name another "
                "folder."
            )
    if find_original(output, original) is None:
        raise ValueError(
            f"`--output` (={output}): its report would look for {quote(original.folder)} beside it and in runs, and "
            "not find it there: name a folder beside the original."
        )


def claim_replication(output: Path, original: Original) -> None:
    """Notes in the folder of a study, which is claimed by now, what it replicates."""
    content, replicates = read_yaml(output / CLAIM), original.to_dict()
    if content.get("replicates") != replicates:
        content |= {"replicates": replicates}
        write_atomically(output / CLAIM, yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True))


def _is_sound(original: Original) -> bool:
    """Whether it can have been written here: what comes from a file leads nowhere else, and is shown in reports."""
    seeds = original.seeds if isinstance(original.seeds, dict) else {}
    check_seeds(seeds)
    numbers = [original.runs, *seeds.values(), *([] if seeds or original.seeds is None else [original.seeds])]
    return (
        all(STUDY_NAME.fullmatch(name) for name in (original.study, original.folder))
        and re.fullmatch("[0-9a-f]{12}", original.digest) is not None
        and all(type(number) is int or number == "all" for number in numbers)
    )


def _ids(records: Iterable[dict[str, Any]]) -> list[str]:
    return [record["run_id"] for record in records]


def _has_runs(folder: Path) -> bool:
    try:
        return (folder / KEPT_RECORDS).exists() or any(folder.glob("*/record.json"))
    except (OSError, ValueError):  # no path at all
        return False
