"""Which runs of a study a selection takes: arms by their names, anything else by what it sets, as KEY=VALUE does."""

from typing import Any

from ..boundary.reading import quote
from .arms import Arms, settings_said
from .experiment import SEEDS, ExperimentConfig
from .settings import apply, flatten, is_key


Selection = dict[str, Any]


def takes(selection: Selection, config: dict[str, Any], names: dict[str, str]) -> bool:
    """Whether a selection takes a run: each of its keys names the run's arm, or a setting that the run has.

    Args:
        selection: Values by axis or by key of a run, dotted where it lies deeper: `{intervention: lines, model: n28}`.
        config: The run's config as records have it.
        names: By axis, the name of the arm that the run is of.
    """
    return all(_has(config, names, key, value) for key, value in selection.items())


def check_selection(where: str, selection: Any, arms: Arms) -> None:
    """Refuses a selection that can take no run of a study, whatever its grid.

    Args:
        where: What messages call it.
        selection: As the study's YAML has it.
        arms: The study's.

    Raises:
        ValueError: It is empty or no mapping, or a key is neither an axis with an arm of that name nor a key of a run.
    """
    if not isinstance(selection, dict) or not selection:
        raise ValueError(f"{where} (={quote(selection)}) must select by arm or setting, such as {{model: n28}}.")
    for key, value in selection.items():
        names = arms.axes.get(key, {})
        if key in SEEDS:
            raise ValueError(f"{where} selects by `{key}`: a hypothesis is about all seeds, so leave it out.")
        if not is_key(key) and not (isinstance(value, str) and value in names):
            known = f"it has {', '.join(names)}" if names else "it is no axis with named arms, and no key of a run"
            raise ValueError(f"{where}: `{quote(key)[1:-1]}` has no arm {quote(value)}; {known}.")


def _has(config: dict[str, Any], names: dict[str, str], key: str, value: Any) -> bool:
    if isinstance(value, str) and names.get(key) == value:
        return True
    if not is_key(key):
        return False
    flat, said = dict(flatten(config)), settings_said({key: value})
    if said.items() <= flat.items():
        return True
    try:  # it has what would change nothing if it were set again
        again = dict(flatten(ExperimentConfig.from_dict(apply(config, {key: value})).to_dict()))
    except ValueError:
        return False
    return all(flat.get(name) == again.get(name) for name in said)
