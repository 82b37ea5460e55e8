"""Whether there is a Ray cluster at an address, and a node of it that has what a run takes."""

import os
import socket
from collections.abc import Sequence
from typing import Any


SECONDS_TO_CONNECT = 5


def checked_address(address: str) -> str:
    """The address, `auto` replaced by `RAY_ADDRESS` where that is set, once somebody answers there."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or address
    if "://" in address:
        raise ValueError(
            f"`--address` (={address}) is for Ray Client, which this engine does not use: run the command on a node "
            "of the cluster, with `--address auto`."
        )
    if address == "auto":
        return address
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"`--address` (={address}) must be `auto` or HOST:PORT, such as 10.0.0.1:6379.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise ValueError(
            f"no Ray cluster answers at `--address` {address} ({error}): "
            "`ray start --head` starts one, and says its address."
        ) from None
    return address


def check_resources(nodes: Sequence[dict[str, Any]], num_cpus: float, num_gpus: float) -> None:
    """Refuses what no node has: Ray would wait for ever for one that does."""
    have = {
        (node["NodeManagerHostname"], node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0))
        for node in nodes
        if node["Alive"]
    }
    if not any(cpus >= num_cpus and gpus >= num_gpus for _, cpus, gpus in have):
        listed = "; ".join(f"{host} has {cpus:g} CPUs and {gpus:g} GPUs" for host, cpus, gpus in sorted(have))
        raise ValueError(
            f"no node has the {num_cpus:g} CPUs and {num_gpus:g} GPUs that a run of this study takes: {listed}. "
            "Ask for less under `resources` in the study, or add a node."
        )
