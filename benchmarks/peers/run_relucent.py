"""`python -m benchmarks.peers.run_relucent FILE.npz SECONDS`: its cells in [-1, 1]^n, as JSON.

Runs in the environment of the peers.  relucent walks from cell to neighbouring cell with linear
programs on Gurobi, here over the cells that meet the cube, in one worker process.  Its own check at
the end is left out, and so is what it computes for drawings.  What it has found at the time limit
is reported as unfinished.
"""

import json
import os
import sys
import threading
import time
from importlib.metadata import version

import numpy as np
import relucent  # pyright: ignore[reportMissingImports]
import torch

from benchmarks.machine import peak


def main() -> None:
    stored = np.load(sys.argv[1])
    layers, inputs = len(stored.files) // 2, stored["W1"].shape[1]
    parts: list[torch.nn.Module] = []
    for layer in range(1, layers + 1):
        weight = torch.from_numpy(stored[f"W{layer}"].astype(float))
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(weight)
            linear.bias.copy_(torch.from_numpy(stored[f"b{layer}"].astype(float)))
        parts += [linear, torch.nn.ReLU()]
    start = time.perf_counter()
    cells = relucent.Complex(torch.nn.Sequential(*parts[:-1]))

    def report(finished: bool, note: str = "") -> None:
        found = {"regions": len(cells), "seconds": time.perf_counter() - start, "peak": peak()}
        about = {"finished": finished, "version": version("relucent"), "note": note}
        print("\n" + json.dumps({**found, **about}), flush=True)

    def stop() -> None:
        report(finished=False)
        os._exit(0)

    clock = threading.Timer(float(sys.argv[2]), stop)
    clock.daemon = True
    clock.start()
    inside = np.random.default_rng(0).uniform(-1, 1, inputs)  # on no unit's hyperplane
    result = cells.bfs(
        inside, cube_radius=1.0, cube_mode="intersect", verify=False, verbose=0, nworkers=1
    )
    clock.cancel()
    failed = len(result.bad_shi_computations)
    report(result.complete, f"{failed} neighbours failed" if failed else "")


if __name__ == "__main__":  # its worker processes import this file
    main()
