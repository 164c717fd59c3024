"""`Film`: an animation of the regions of a network while it is trained."""

from __future__ import annotations

from io import BytesIO
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regions.domain import Domain
from regions.drawing.complexes import complex_of
from regions.drawing.figures import COLOURS, draw_plane
from regions.drawing.forms import gradient_norms
from regions.drawing.style import check_file, drawing, theme_of, written
from regions.errors import InputError
from regions.loading import load
from regions.network import Network

if TYPE_CHECKING:
    from PIL import Image

HUES = 64  # of a frame: enough for flat colours, and half the size of 256


class Film:
    """Draws a network again and again while it is trained, and makes a GIF of the pictures.

    Call it with the model and the epoch, as a `RegionMonitor`.  Every picture shows all regions in
    the domain, exactly.

    Parameters
    ----------
    domain
        A bounded plane; the box [-1, 1]^2 by default.
    every
        Draw in epochs divisible by this number.
    colour, boundary, theme
        As in `plot`.
    width, dots
        Of a picture, in inches and dots per inch.

    Raises
    ------
    InputError
        If there is no such colouring or theme, or matplotlib is not installed.
    """

    def __init__(
        self,
        domain: Domain | None = None,
        every: int = 1,
        *,
        colour: str = "region",
        boundary: bool = True,
        theme: str = "light",
        width: float = 4.5,
        dots: int = 90,
    ) -> None:
        if isinstance(every, bool) or not isinstance(every, Integral) or every < 1:
            raise InputError(f"Film(): every needs a whole number, 1 or more, got {every}")
        if colour not in COLOURS:
            raise InputError(f"Film(): no colour {colour!r}; choose one of {', '.join(COLOURS)}")
        with drawing(theme_of(theme)):
            pass
        self._domain = domain
        self._every = int(every)
        self._look: dict[str, Any] = {"colour": colour, "boundary": boundary, "theme": theme}
        self._width, self._dots = width, dots
        self._frames: list[Image.Image] = []

    def __len__(self) -> int:
        """The number of pictures so far."""
        return len(self._frames)

    def __call__(self, model: Any, epoch: int) -> int | None:
        """Draw the model as it is now; the number of its regions, or None if it is not looked at.

        Raises
        ------
        DomainError
            If the domain is not a bounded plane.
        ModelError
            If the model cannot be read.
        """
        if epoch % self._every:
            return None
        from PIL import Image

        network = model if isinstance(model, Network) else load(model, domain=self._domain)
        found = complex_of(network, self._domain)
        needed = self._look["colour"] == "gradient"
        figure = draw_plane(
            found,
            gradients=gradient_norms(network, found.bits) if needed else None,
            title=f"epoch {epoch}: {len(found)} regions",
            width=self._width,
            **self._look,
        )
        with drawing(theme_of(self._look["theme"])), BytesIO() as stream:
            figure.savefig(stream, format="png", dpi=self._dots)
            picture = Image.open(stream).convert("RGB")
        self._frames.append(picture.quantize(HUES, dither=Image.Dither.NONE))
        return len(found)

    def save(self, path: str | Path, milliseconds: int = 250, last: int = 2000) -> None:
        """Write the pictures as an animated .gif, which begins again after the last one.

        Parameters
        ----------
        milliseconds, last
            How long each picture stays, and the last one.

        Raises
        ------
        InputError
            If there is no picture, or the name does not end in .gif.
        """
        target = check_file(Path(path), (".gif",), "Film.save():")
        if not self._frames:
            raise InputError("Film.save(): has no picture yet; call it with a model first")
        times = [milliseconds] * (len(self._frames) - 1) + [last]
        first, *others = self._frames
        with written(target) as part:
            first.save(
                part, format="GIF", save_all=True, append_images=others, duration=times, loop=0
            )
