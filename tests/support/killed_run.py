"""Does one run and kills itself with SIGKILL at a given moment: started by test_survival.py, no test itself.

python tests/support/killed_run.py OUTPUT CONFIG_JSON MOMENT STEP
"""

import json
import os
import signal
import sys
from pathlib import Path

import torch
from transformers import Trainer, TrainerCallback

from hf_capacity.config.experiment import ExperimentConfig
from hf_capacity.experiment import run_experiment
from hf_capacity.runs import folder as run_folder


def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


class DieAtStep(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            die()


def main(output, config, moment, step):
    torch.set_num_threads(1)
    callbacks = []
    if moment == "at a step":
        callbacks.append(DieAtStep(step))
    elif moment == "during a checkpoint write":
        # The Trainer has written weights and optimizer by then, but neither random state nor its own.
        save_rng_state = Trainer._save_rng_state

        def save_or_die(trainer, folder):
            if trainer.state.global_step == step:
                die()
            save_rng_state(trainer, folder)

        Trainer._save_rng_state = save_or_die
    elif moment == "between last checkpoint and record":
        run_folder.RunFolder.write_record = die
    elif moment == "during the record write":
        replace = os.replace

        def replace_or_die(source, target):
            if Path(target).name == "record.json":
                die()
            replace(source, target)

        os.replace = replace_or_die
    else:
        raise ValueError(moment)
    run_experiment(ExperimentConfig.from_dict(json.loads(config)), output, study="s", callbacks=callbacks)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
