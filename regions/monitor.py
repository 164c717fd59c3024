"""`RegionMonitor`: the number of linear regions while a network is trained."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from regions.counting.api import count
from regions.counting.engines import ENGINES
from regions.domain import Domain
from regions.errors import DomainError, InputError, ModelError
from regions.loading import load
from regions.parquet import ColumnType, check_target, integer_columns, write_parquet

TYPES: dict[str, ColumnType] = {
    "epoch": "integer",
    "lower": "integer",
    "upper": "integer",
    "lower_digits": "text",
    "upper_digits": "text",
    "exact": "flag",
    "stopped": "text",
    "engine": "text",
    "seconds": "number",
    "digest": "text",
}


@dataclass(frozen=True)
class EpochCount:
    """The number of regions at one moment of a training: lower <= it <= upper.

    Attributes
    ----------
    epoch
        As it was given, or counted by `RegionMonitor.step`.
    lower, upper
        Equal where the number is known.
    seconds
        Wall time of reading the model, bounding and counting.
    engine
        The engine that counted.
    stopped
        None where the count ended by itself, else "time limit" or "interrupted".
    digest
        Of the network's exact content: equal weights, equal digest.
    """

    epoch: int
    lower: int
    upper: int
    seconds: float
    engine: str
    stopped: str | None
    digest: str

    @property
    def exact(self) -> bool:
        """Whether the number is known."""
        return self.lower == self.upper


class RegionMonitor:
    """Counts the linear regions of a model as it is trained, in any training loop.

    Call it after an epoch, with the live model and the number of the epoch; or call `step`, which
    numbers the calls 0, 1, 2, ….  The model is read from a copy in evaluation mode: its mode,
    weights, gradients and the random generators stay as they are.  Where the time limit ends a
    count, its record has bounds, which are certain.

    Parameters
    ----------
    domain
        Where to count; the box [-1, 1]^n by default.
    every
        Count in epochs divisible by this number; other calls return None at once.
    time_limit
        Seconds that each count may take; None for no limit.  Reading the model comes on top, and
        the first count ever compiles the fast engine, which takes up to a minute.
    engine
        As for `count`.
    layers
        Count the patterns of the first so many ReLU layers only.
    input_shape
        Shape of one input, without the batch axis, where the model's layers do not tell.
    strict
        Whether a model that cannot be read is an error.  If not, it is a warning, and the call
        returns None: a training should not end because of a weight that is not finite.

    Examples
    --------
    >>> monitor = RegionMonitor(every=10)
    >>> monitor.history, list(monitor.table())[:4]
    ((), ['epoch', 'lower', 'upper', 'exact'])
    """

    def __init__(
        self,
        domain: Domain | None = None,
        every: int = 1,
        time_limit: float | None = 2.0,
        *,
        engine: str = "auto",
        layers: int | None = None,
        input_shape: Sequence[int] | None = None,
        strict: bool = True,
    ) -> None:
        if domain is not None and not isinstance(domain, Domain):
            raise DomainError(
                f"RegionMonitor(): needs a Domain or None, got {type(domain).__name__}; "
                "regions.Box.cube(n, -1, 1) makes one"
            )
        if isinstance(every, bool) or not isinstance(every, Integral) or every < 1:
            raise InputError(f"RegionMonitor(): every needs a whole number, 1 or more, got {every}")
        if time_limit is not None and not (isinstance(time_limit, Real) and time_limit >= 0):
            raise InputError(
                f"RegionMonitor(): time_limit needs seconds >= 0 or None, got {time_limit!r}"
            )
        if engine not in ENGINES:
            raise InputError(
                f"RegionMonitor(): no engine {engine!r}; choose one of {', '.join(ENGINES)}"
            )
        self._domain = domain
        self._every = int(every)
        self._time_limit = time_limit
        self._engine = engine
        self._layers = layers
        self._input_shape = input_shape
        self._strict = strict
        self._next_epoch = 0
        self._history: list[EpochCount] = []

    @property
    def history(self) -> tuple[EpochCount, ...]:
        """The records so far, in the order of the calls."""
        return tuple(self._history)

    def __call__(self, model: Any, epoch: int) -> EpochCount | None:
        """Count the regions of the model as it is now; None in an epoch that is not looked at.

        Parameters
        ----------
        model
            A `torch.nn.Module`, or anything else that `load` takes, or a `Network`.
        epoch
            Its number; 0 is a good one for the model before training.

        Raises
        ------
        UnsupportedLayer
            For a layer that is not piecewise linear.
        ModelError
            If the model cannot be read, for instance because a weight is not finite.
        KeyboardInterrupt
            If Ctrl-C came during the count; its bounds are kept in `history` first.
        """
        if isinstance(epoch, bool) or not isinstance(epoch, Integral):
            raise InputError(f"RegionMonitor: epoch needs a whole number, got {epoch!r}")
        self._next_epoch = int(epoch) + 1
        if epoch % self._every:
            return None
        try:
            record = self._count(model, int(epoch))
        except ModelError as error:
            if self._strict:
                raise
            warnings.warn(f"epoch {epoch} is not counted: {error}", stacklevel=2)
            return None
        self._history.append(record)
        if record.stopped == "interrupted":  # it was meant for the whole training
            raise KeyboardInterrupt
        return record

    def step(self, model: Any) -> EpochCount | None:
        """The same for the epoch after that of the last call; the first one is 0."""
        return self(model, self._next_epoch)

    def _count(self, model: Any, epoch: int) -> EpochCount:
        from regions.network import Network

        start = time.monotonic()
        network = model
        if not isinstance(model, Network):
            network = load(model, domain=self._domain, input_shape=self._input_shape)
        found = count(
            network,
            self._domain,
            engine=self._engine,
            layers=self._layers,
            time_limit=self._time_limit,
        )
        return EpochCount(
            epoch=epoch,
            lower=found.lower,
            upper=found.upper,
            seconds=time.monotonic() - start,
            engine=found.engine,
            stopped=found.stopped,
            digest=network.digest,
        )

    def table(self) -> dict[str, list[Any]]:
        """The history as columns, ready for ``pandas.DataFrame(monitor.table())``."""
        names = ("epoch", "lower", "upper", "exact", "stopped", "engine", "seconds", "digest")
        return {name: [getattr(record, name) for record in self._history] for name in names}

    def to_parquet(self, path: str | Path) -> None:
        """Write the history to a Parquet file, one row for each record.

        `lower` and `upper` are null where they do not fit into 64 bits; `lower_digits` and
        `upper_digits` always have all digits.

        Raises
        ------
        InputError
            If the name does not end in .parquet, or the folder is missing.
        OSError
            If it cannot be written; an old file is then as it was.
        """
        target = check_target(path, "RegionMonitor.to_parquet():")
        columns = self.table()
        for name in ("lower", "upper"):
            columns.update(integer_columns(name, columns[name]))
        write_parquet(target, columns, TYPES)
