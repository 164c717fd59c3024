"""`python -m benchmarks`: every benchmark table."""

import sys

from benchmarks.bench_count import main

sys.exit(main())
