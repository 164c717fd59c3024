"""Where sampling runs, and how many points at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from regions.errors import InputError, RegionsError

DEVICES = ("auto", "cpu", "cuda")
CPU_BYTES = 2**28  # of a batch: more would not be faster
CUDA_SHARE = 0.5  # of the free memory
MOST_POINTS = 2**14

Result = TypeVar("Result")


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name; auto: CUDA if there is one.

    Raises
    ------
    InputError
        If CUDA is asked for and absent.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name not in DEVICES and not name.startswith("cuda:"):
        raise InputError(f"device {name}: needs {', '.join(DEVICES)} or cuda:0, cuda:1, …")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError(
            f"device {name}: this machine has no CUDA device that PyTorch {torch.__version__} can "
            "use; choose cpu, or auto"
        )
    index = name.partition(":")[2]
    if index and not (index.isdigit() and int(index) < torch.cuda.device_count()):
        raise InputError(f"device {name}: this machine has {torch.cuda.device_count()} of them")
    return torch.device("cuda" if name == "auto" else name)


def use_threads(number: int | None) -> None:
    """Let torch use so many threads on a CPU, in this whole process; None: as many as it does.

    Where other programs keep the cores busy, one thread can be fifty times as fast as two, which
    wait for each other at every step.
    """
    if number is not None:
        torch.set_num_threads(number)


def first_batch(device: torch.device, bytes_each: int) -> int:
    """How many points fit at once, as a power of two: the same on the same idle machine."""
    if device.type == "cuda":
        room = int(torch.cuda.mem_get_info(device)[0] * CUDA_SHARE)
    else:
        room = CPU_BYTES
    most = max(1, min(room // max(bytes_each, 1), MOST_POINTS))
    return 2 ** (most.bit_length() - 1)


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Products as precise as their numbers, and the same each time, on a GPU too.

    There, convolutions in single precision are rounded to 11 bits by default, which flips bits.
    """
    if device.type != "cuda":
        yield
        return
    with (
        _tensor_cores(False),
        torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        ),
    ):
        yield


@contextmanager
def small_integers(device: torch.device) -> Iterator[None]:
    """Products of matrices of zeros and ones, which 11 bits hold exactly, at full speed."""
    if device.type != "cuda":
        yield
        return
    with _tensor_cores(True):
        yield


@contextmanager
def _tensor_cores(allowed: bool) -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


class Batches:
    """Cuts work into batches; where memory runs out, it goes on with half as many.

    Parameters
    ----------
    size
        Of the first batch; `size` then says what fitted.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def over(
        self, total: int, work: Callable[[int, int], Result]
    ) -> Iterator[tuple[int, int, Result]]:
        """(start, stop, work(start, stop)) for ranges that make up 0 <= i < total, in order.

        Raises
        ------
        RegionsError
            If one point alone does not fit.
        """
        start = 0
        while start < total:
            stop = min(start + self.size, total)
            result = self._attempt(work, start, stop)
            if result is not None:
                yield start, stop, result
                start = stop

    def _attempt(self, work: Callable[[int, int], Result], start: int, stop: int) -> Result | None:
        try:
            return work(start, stop)
        except (RuntimeError, MemoryError) as error:
            if not _out_of_memory(error):
                raise
            if stop - start <= 1:
                raise RegionsError(
                    "sampling ran out of memory with a single point; choose fewer layers, "
                    "float32, or another device"
                ) from error
        # outside the handler: the error's traceback would keep the tensors alive
        self.size = max((stop - start) // 2, 1)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)
