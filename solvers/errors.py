"""The exceptions of `solvers`: one root.  An answer of a backend is never an exception."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SolversError(Exception):
    """Root of every exception that `solvers` raises on purpose.

    Examples
    --------
    >>> issubclass(InvalidOption, SolversError)
    True
    """


class InvalidOption(SolversError):
    """An option, a method or a backend has an unknown name or an impossible value."""


class InvalidProgram(SolversError):
    """A linear program, or a change to one, is malformed: shapes, NaN, indices."""


class NoSolution(SolversError):
    """A `Solution` was asked for something that its solve did not find."""


class BackendMissing(SolversError):
    """A backend needs a package that is not installed."""


class BackendDisagreement(SolversError):
    """Two backends contradict each other on the same linear program."""


def pip_install(source: str) -> str:
    """The command that installs a package; for extras of this one, also that for a clone.

    Examples
    --------
    >>> pip_install("highspy")
    'pip install highspy'
    >>> print(pip_install("'relu-regions[pulp]'"))
    pip install 'relu-regions[pulp]' (or, in a clone, pip install '.[pulp]')
    """
    clone = source.replace("relu-regions[", ".[")
    command = f"pip install {source}"
    return command if clone == source else f"{command} (or, in a clone, pip install {clone})"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The tail of a message: the closest known name, or else all of them.

    Examples
    --------
    >>> did_you_mean("presolv", ["presolve", "solver"])
    "did you mean 'presolve'?"
    >>> did_you_mean("zzz", ["b", "a"])
    'choose one of a, b'
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return "choose one of " + ", ".join(names)
