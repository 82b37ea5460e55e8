"""Which tracker runs are logged to, and where its files lie: no part of a config, a run id or a record."""

import importlib.util
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from ..boundary.reading import quote
from ..config.study import STUDY_NAME


TRACKERS = ("tensorboard", "trackio", "wandb")


@dataclass(frozen=True)
class Tracking:
    """A tracker by its name, and the project that its runs are shown in.

    Args:
        report_to: One of `TRACKERS`, or `none`.
        project: By default the study's name.
    """

    report_to: str = "none"
    project: str | None = None

    def check(self) -> None:
        """Checks that there is such a tracker and that it is installed.

        Raises:
            ValueError: It is neither, or there is a project without a tracker.
        """
        if self.report_to == "none":
            if self.project is not None:
                raise ValueError(f"`--project` (={quote(self.project)}) goes with `--report-to`.")
            return
        if self.report_to not in TRACKERS:
            raise ValueError(f"`--report-to` (={quote(self.report_to)}) must be one of {', '.join(TRACKERS)}.")
        found = importlib.util.find_spec(self.report_to)
        if not found or not found.origin:  # a folder named `wandb`, as wandb leaves them, has no origin
            raise ValueError(f"`--report-to` (={self.report_to}) is not installed: pip install {self.report_to}.")
        if self.project is not None and not STUDY_NAME.fullmatch(self.project):
            raise ValueError(
                f"`--project` (={quote(self.project)}) must be letters, digits, `-`, `_`, `.`, `+` and spaces, a "
                "letter or digit first, at most 100 in all."
            )

    def folder(self, output: Path) -> Path | None:
        """Where its files go: where its own variable says, else into the study's folder; None is Trackio's own place.

        Args:
            output: The study's folder.
        """
        if self.report_to == "tensorboard":
            return Path(os.environ.get("TENSORBOARD_LOGGING_DIR") or Path(output) / "tensorboard").absolute()
        if self.report_to == "wandb":
            return Path(os.environ.get("WANDB_DIR") or output).absolute()
        return None

    def how_to_look(self, study: str, output: Path) -> str:
        """The command that shows what is logged, or where it is."""
        folder = shlex.quote(os.path.relpath(self.folder(output) or "."))
        if self.report_to == "tensorboard":
            return f"tensorboard --logdir {folder}"
        if self.report_to == "trackio":
            return f"trackio show --project {shlex.quote(self.project or study)}"
        mode = wandb_mode()
        return f"wandb sync {folder}/wandb/offline-run-*" if mode == "offline" else f"wandb, WANDB_MODE={mode}"


def wandb_mode() -> str:
    """Offline, unless the user has set it: nothing is sent that nobody asked for."""
    return os.environ.get("WANDB_MODE") or "offline"
