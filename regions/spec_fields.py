"""The fields of a SPEC string: numbers, lists of numbers and array files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flint import fmpq

from regions.errors import DomainError
from regions.number_text import read_bound, write_number
from regions.readers.arrays import read_array

FORMS = {
    "box": "box:LO,HI",
    "ball": "ball:POINT,RADIUS",
    "vnnlib": "vnnlib:FILE",
    "polytope": "polytope:FILE.npz",
    "slice": "slice:P0.npy,P1.npy,P2.npy",
    "segment": "segment:P0.npy,P1.npy",
    "space": "space",
}
_SHOWN = 80


@dataclass(frozen=True)
class SpecFields:
    """What stands after a form's colon, and what is asked of it."""

    text: str
    dim: int
    box: int | None

    def split(self, form: str, count: int) -> list[str]:
        """The comma-separated fields; commas within brackets do not count."""
        fields = re.split(r",(?![^\[\]]*\])", self.text)
        if len(fields) != count or not all(field.strip() for field in fields):
            raise DomainError(
                f"needs the form {FORMS[form]} with {count} fields, got {len(fields)} in "
                f"{shown(self.text)}; separate them with commas"
            )
        return [field.strip() for field in fields]

    def vector(self, field: str) -> tuple[object, str]:
        """The values of a file or a list, and their canonical text."""
        if field.startswith("[") and field.endswith("]"):
            if "values, sha256" in field:
                raise DomainError(
                    f"needs a file or a list of numbers, got {field}, which names the values by "
                    "their hash; give the .npy file that holds them"
                )
            values = field[1:-1].split(",")
            if len(values) != self.dim:
                raise self._wrong_size(field, len(values))
            return values, ""
        if not field.endswith(".npy"):
            raise DomainError(
                f"needs an .npy file or a list such as [0,0.5], got {shown(field)}; "
                "save the point with numpy.save"
            )
        array = read_array(field)
        if array.size != self.dim:
            raise self._wrong_size(field, f"{array.size} (shape {array.shape})")
        return array, field

    def bound(self, field: str) -> tuple[object, str]:
        """The values of a number, a file or a list, and their canonical text."""
        if field.startswith("[") or field.endswith(".npy"):
            return self.vector(field)
        try:
            value = read_bound(field)
        except ValueError as error:
            raise DomainError(f"{error}; each bound is a number or an .npy file") from error
        return [value] * self.dim, write_number(value) if isinstance(value, fmpq) else str(value)

    def _wrong_size(self, field: str, got: object) -> DomainError:
        return DomainError(
            f"needs {self.dim} numbers (the network's inputs) in {field}, got {got}; "
            "give one number for every input"
        )


def shown(text: str) -> str:
    """A text as an error shows it: quoted, on one line, not too long."""
    shown = repr(text)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 20]}…{shown[-15:]}"
