"""`python -m benchmarks.peers.run_regioncam FILE.npz SECONDS`: its regions of [-1, 1]², as JSON.

Runs in the environment of the peers.  regioncam keeps a planar subdivision in float32; its faces
after the last ReLU are the regions.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import regioncam  # pyright: ignore[reportMissingImports]

from benchmarks.machine import peak

stored = np.load(sys.argv[1])
hidden = len(stored.files) // 2 - 1
start = time.perf_counter()
plane = regioncam.Regioncam(size=1.0)
for layer in range(1, hidden + 1):
    weight = np.ascontiguousarray(stored[f"W{layer}"].T, dtype=np.float32)
    plane.linear(weight, stored[f"b{layer}"].astype(np.float32))
    plane.relu()
found = {"regions": int(plane.num_faces), "seconds": time.perf_counter() - start}
found["peak"] = peak()
print(json.dumps({**found, "finished": True, "version": version("regioncam")}))
