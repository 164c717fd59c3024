"""`python -m benchmarks.peers.run_affinitree FILE.npz SECONDS`: its regions of [-1, 1]^n, as JSON.

Runs in the environment of the peers.  affinitree builds a decision tree; linear programs drop
branches that are empty.  With the box as precondition, its terminal nodes are the regions.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
from affinitree import (  # pyright: ignore[reportMissingImports]
    AffFunc,
    AffTree,
    Architecture,
    Polytope,
    builder,
)

from benchmarks.machine import peak

stored = np.load(sys.argv[1])
layers, inputs = len(stored.files) // 2, stored["W1"].shape[1]
start = time.perf_counter()
network = Architecture(inputs)
for layer in range(1, layers):
    weight, bias = stored[f"W{layer}"], stored[f"b{layer}"]
    network.linear(AffFunc.from_mats(weight.astype(float), bias.astype(float)))
    network.relu()
box = Polytope.hyperrectangle(inputs, [(-1.0, 1.0)] * inputs)
tree = builder.from_layers(network, AffTree.from_poly(box, AffFunc.identity(inputs), None))
found = {"regions": int(tree.num_terminals()), "seconds": time.perf_counter() - start}
found["peak"] = peak()
print()  # the builder leaves its progress on the line
print(json.dumps({**found, "finished": True, "version": version("affinitree")}))
