"""What is learned: every task as a dataset of questions. `load_task` is the way in.

To add a task, write one folder with its builder, card and data, and one line in `PARTS` of `mixture/builder.py`.
"""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import datasets

from .demand import Demand
from .dials import listed
from .mixture.builder import PARTS, Mixture
from .questions import FEATURES, QuestionBuilder, QuestionConfig


__all__ = ["FEATURES", "TASKS", "Demand", "QuestionBuilder", "QuestionConfig", "demanded_bits", "load_task"]

TASKS: dict[str, type[QuestionBuilder]] = {**PARTS, "mixture": Mixture, "both": Mixture}  # `both`: as in the study


def load_task(
    path: str, name: str | None = None, *, split_seed: int = QuestionConfig.split_seed, **parameters
) -> datasets.DatasetDict:
    """Loads a task into memory. The cache of `datasets` is left alone, except for what comes from the Hub.

    Args:
        path (`str`):
            One of `TASKS`, or a local folder or a dataset on the Hub that has the same splits and columns.
        name (`str`, *optional*):
            A named config of the task; its default config if left out.
        split_seed (`int`, defaults to 1337):
            Draws what the task leaves to chance. `capitals` leaves nothing to chance, takes it and draws nothing.
        **parameters:
            Other fields of the task's config to set, such as `withheld_pairs=[[5, 7], [2, 3]]`.

    Returns:
        `datasets.DatasetDict`: The splits `train`, whose texts joined are the training text, and `questions`, both
        with the columns of [`~questions.question_table`].

    Raises:
        `ValueError`: if there is no such task, config or parameter, if a parameter has an impossible value, or if a
        dataset from elsewhere lacks a split or a column.
    """
    with _no_progress_bars(), TemporaryDirectory() as fresh_cache:
        if path in TASKS:
            parameters["split_seed"] = split_seed
            TASKS[path].configured(path, name, parameters)  # where `datasets` would take what is not there
            builder = TASKS[path](fresh_cache, config_name=name, **parameters)
            builder.download_and_prepare()
            return builder.as_dataset(in_memory=True)

        given = [*parameters, *(["split_seed"] if split_seed != QuestionConfig.split_seed else [])]
        if given:
            raise ValueError(
                f"{path!r} is loaded as it is: leave out {listed(given)}, or load one of {listed(TASKS)}."
            )
        # `datasets` does not notice changed data files in a local folder with a card, unless its cache is empty.
        cache = fresh_cache if Path(path).is_dir() else None
        try:
            splits = datasets.load_dataset(str(path), name, cache_dir=cache, keep_in_memory=True)
        except (FileNotFoundError, ConnectionError, datasets.exceptions.DatasetsError) as error:
            raise ValueError(
                f"Could not load the task {path!r}: {error}. Give one of {listed(TASKS)}, a local folder or a "
                "dataset on the Hub that can be reached."
            ) from error
        return _checked(splits, path)


def demanded_bits(
    path: str, name: str | None = None, *, split_seed: int = QuestionConfig.split_seed, **parameters
) -> Demand | None:
    """How many bits there are to be memorised in the training text of a task.

    Args:
        path, name, split_seed, **parameters: As for [`load_task`].

    Returns:
        [`Demand`], or None where the entropy is not known by construction: for `arithmetic`, `capitals`, what comes
        from elsewhere, and mixtures. A mixture in which that of exactly one part is known has that part's, whose lines
        alone are to be scored.

    Raises:
        `ValueError`: if there is no such config or parameter, or if a parameter that counts has an impossible value.
    """
    if path not in TASKS:
        return None
    return TASKS[path].demand(TASKS[path].configured(path, name, {**parameters, "split_seed": split_seed}))


@contextmanager
def _no_progress_bars():
    shown = not datasets.utils.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _checked(splits, path) -> datasets.DatasetDict:
    """The two splits with our columns in our order; a `ValueError` that names what is missing or of a wrong type."""
    remedy = (
        f"A task has the splits 'train' and 'questions', named under `configs:` in the card of its folder, both with "
        f"the columns {listed(FEATURES)}: `seen` holds true or false, the others hold strings, and none may be empty."
    )
    checked = datasets.DatasetDict()
    for split in ("train", "questions"):
        if split not in splits:
            raise ValueError(f"{path!r} has no split {split!r}, only {listed(splits)}. {remedy}")
        rows = splits[split]
        for column, feature in FEATURES.items():
            where = f"the split {split!r} of {path!r}"
            if column not in rows.features:
                raise ValueError(f"There is no column {column!r} in {where}, only {listed(rows.features)}. {remedy}")
            found = rows.features[column]
            # pandas writes its strings to parquet as large ones.
            if found != feature and (found, feature) != (datasets.Value("large_string"), datasets.Value("string")):
                raise ValueError(f"The column {column!r} in {where} holds {found}, not {feature}. {remedy}")
            # A column that only the other split has arrives here too, without a value in any row.
            if rows.data.column(column).null_count:
                raise ValueError(f"The column {column!r} in {where} has rows without a value. {remedy}")
        checked[split] = rows.select_columns(list(FEATURES)).cast(FEATURES, keep_in_memory=True)
    return checked
