"""`Question`: which regions are asked for, and how; the arguments of the verbs, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from numbers import Integral, Real

from regions.counting.engines import (
    COMPILED,
    COUNTING,
    ENGINES,
    LISTING,
    able,
    choose,
    refusal,
)
from regions.counting.work import Problem
from regions.domain import Box, Domain
from regions.errors import DomainError, InputError
from regions.frame import Frame
from regions.network import Network
from solvers.backend import Backend, get_backend
from solvers.errors import SolversError
from solvers.stoppable import Stoppable


@dataclass(frozen=True, eq=False)
class Question:
    """The regions of a network in a domain, as asked of one verb.

    `network` is the whole network, `counted` its first layers if only these are asked for; `engine`
    is a name or "auto", `engines` are those that can answer at all.
    """

    verb: str
    network: Network
    counted: Network
    domain: Domain
    engine: str
    backend: Backend
    engines: tuple[str, ...] = LISTING

    @staticmethod
    def of(
        verb: str,
        network: Network,
        domain: Domain | None,
        engine: str,
        layers: int | None,
        backend: str | Backend,
        engines: tuple[str, ...] = LISTING,
    ) -> Question:
        """The question, once its parts are of the right kinds and fit together.

        Raises
        ------
        DomainError
            If the domain has another dimension than the network's input.
        InputError
            If anything else is not what the verb needs.
        """
        if not isinstance(network, Network):
            raise InputError(
                f"{verb}(): needs a Network, got {type(network).__name__}; "
                "make one with regions.load(...) or Network.from_layers(...)"
            )
        if engine not in ENGINES:
            raise InputError(f"{verb}(): no engine {engine!r}; choose one of {', '.join(ENGINES)}")
        if engine in COUNTING and engine not in engines:
            raise InputError(f"{verb}(): the {engine} engine only counts; use 'lp', or 'auto'")
        if layers is not None and (isinstance(layers, bool) or not isinstance(layers, Integral)):
            raise InputError(f"{verb}(): layers needs a whole number or None, got {layers!r}")
        counted = network if layers is None else network.truncate(layers)
        where = _domain(verb, network, domain)
        return Question(verb, network, counted, where, engine, _backend(verb, backend), engines)

    def stopped_by(self, stop: Callable[[], bool]) -> Question:
        """The same question, whose linear programs end when `stop` says so."""
        return replace(self, backend=Stoppable(self.backend, stop))

    def problem(self, stop: Callable[[], bool] | None = None) -> tuple[Problem, str]:
        """What an engine needs, and why this engine.

        Raises
        ------
        DomainError
            If the domain is empty.
        InputError
            If the engine cannot take the network or the domain.
        Stopped
            When `stop` returned true first.
        """
        frame = Frame.of(self.domain, self.backend, stop)
        pulled = frame.pull(self.counted)
        used, why = self.engine, "asked for"
        if used == "auto":
            used, why = choose(pulled, frame)
        if used in COMPILED:
            check_able(self.verb, used, pulled, frame, self.engines)
        return Problem(pulled, frame, used, self.backend), why


def check_able(
    verb: str, engine: str, network: Network, frame: Frame, engines: Iterable[str]
) -> None:
    """Whether this engine can take this network on this domain.

    Raises
    ------
    InputError
        If it cannot; those of the `engines` that can are named.
    """
    why_not = refusal(engine, network, frame)
    if why_not is not None:
        *some, last = able(network, frame, engines)  # "lp" always is
        names = f"{', '.join(some)} and {last}" if some else last
        raise InputError(
            f"{verb}(): the {engine} engine cannot take this: {why_not}; {names} can, "
            "and 'auto' chooses"
        )


def checked_seconds(verb: str, limit: float | None) -> float | None:
    """A time limit.

    Raises
    ------
    InputError
        If it is no number of seconds, 0 or more.
    """
    if limit is not None and not (isinstance(limit, Real) and limit >= 0):
        raise InputError(f"{verb}(): time_limit needs seconds >= 0 or None, got {limit!r}")
    return limit


def _domain(verb: str, network: Network, domain: Domain | None) -> Domain:
    if domain is None:
        return Box.cube(network.inputs, -1, 1)
    if not isinstance(domain, Domain):
        raise DomainError(
            f"{verb}(): needs a Domain, got {type(domain).__name__}; "
            "regions.domain_spec.parse_domain('box:-1,1', dim) reads the forms of the command line"
        )
    if domain.dim != network.inputs:
        raise DomainError(
            f"{verb}(): the network has {network.inputs} inputs, the domain {domain.spec} has "
            f"dimension {domain.dim}; give a domain of dimension {network.inputs}"
        )
    return domain


def _backend(verb: str, backend: str | Backend) -> Backend:
    if not isinstance(backend, str):
        if not isinstance(backend, Backend):
            raise InputError(f"{verb}(): backend needs a name or a Backend, got {backend!r}")
        return backend
    try:
        return get_backend(backend)
    except SolversError as error:
        raise InputError(f"{verb}(): {error}") from error
