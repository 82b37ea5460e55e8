"""Does one run on a disk that fills up again and again: started by test_run_folder.py, no test itself.

unshare --user --map-root-user --mount python tests/support/full_disk.py MOUNT_POINT COPY CONFIG_JSON MOMENTS_JSON

A moment is a step, or "end" for when training is over, and the kilobytes that are left from then on. Prints the causes
of the failures.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from transformers import TrainerCallback

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.runs.records import read_records


class FillDisk(TrainerCallback):
    def __init__(self, ballast, moment, kilobytes_left):
        self.ballast, self.moment, self.kilobytes_left = ballast, moment, kilobytes_left

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.moment:
            self.fill()

    def on_train_end(self, args, state, control, **kwargs):
        if self.moment == "end":
            self.fill()

    def fill(self):
        disk = os.statvfs(self.ballast.parent)
        self.ballast.write_bytes(bytes(disk.f_bavail * disk.f_frsize - 1024 * self.kilobytes_left))


def main(mount_point, copy, config, moments):
    torch.set_num_threads(1)
    disk, run = Path(mount_point), ExperimentConfig.from_dict(json.loads(config))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    causes = []
    for moment, kilobytes_left in json.loads(moments):
        ballast = disk / "ballast"
        try:
            run_experiment(run, disk, study="s", callbacks=[FillDisk(ballast, moment, kilobytes_left)])
        except Exception as error:
            causes.append(f"{type(error).__name__}: {error}")
        assert read_records(disk) == []
        ballast.unlink()
    run_experiment(run, disk, study="s")
    shutil.copytree(disk, copy)
    print(json.dumps(causes))


if __name__ == "__main__":
    main(*sys.argv[1:])
