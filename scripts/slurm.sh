#!/bin/bash
# A study on whole nodes of a Slurm cluster, by Ray's own launcher:
#
#     sbatch --nodes 2 scripts/slurm.sh seeds --output /shared/runs/seeds
#
# takes what `hf-capacity run` takes; /shared stands for a folder that all nodes mount. The same command goes on where
# an earlier job ran out of time.
#SBATCH --job-name=hf-capacity
#SBATCH --ntasks-per-node=1
#SBATCH --time=04:00:00
# The node is Ray's alone: its launcher ends every Ray process of a node when it is done.
#SBATCH --exclusive
set -euo pipefail

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
address=${nodes[0]}:6379
srun --cpus-per-task="$SLURM_CPUS_ON_NODE" ray symmetric-run \
    --address "$address" --min-nodes "$SLURM_JOB_NUM_NODES" --num-cpus "$SLURM_CPUS_ON_NODE" \
    -- hf-capacity run "$@" --engine ray --address "$address"
