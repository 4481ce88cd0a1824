"""The page on which a coder marks onset, apex and offset: one offline HTML file."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mebias.cohort import Cohort


@dataclass(frozen=True)
class Item:
    """A clip as it is shown: nothing in here tells its label, or why it was taken.

    ``size`` in bytes; ``shape`` is the largest height and width.
    """

    name: str
    fps: float
    files: tuple[Path, ...]
    size: int
    shape: tuple[int, int]


def page(
    cohort: Cohort,
    packet: str,
    items: Sequence[Item],
    *,
    inside: bool,
    cut: str = "",
    elan: bool = False,
) -> str:
    """The HTML of a packet.

    Parameters
    ----------
    cohort : Cohort
        Whose name and mark it carries; nothing else of it.
    packet : str
        The packet's name, by which answers are kept in the browser.
    items : sequence of Item
        The clips in the order in which they are shown.
    inside : bool
        Whether frames are in the page; else it looks for them in ``frames/`` beside it.
    cut : str
        How many clips have no frame before or after their label: all, some, or nothing. Which
        ones is not told: that would tell where their label lies.
    elan : bool
        Whether a video for ELAN lies beside it, which shows the same faces.

    Returns
    -------
    str
        The same items give the same bytes.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("mebias.relabel", "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    about = {
        "packet": packet,
        "items": [{"item": item.name, "fps": item.fps, "n": len(item.files)} for item in items],
        "inside": inside,
    }
    return environment.get_template("page.html").render(
        title=cohort.name,
        simulated=cohort.simulated,
        packet=packet,
        n_items=len(items),
        cut=cut,
        inside=inside,
        elan=elan,
        style=Markup(_own("page.css")),
        script=Markup(_own("page.js")),
        about=Markup(script_json(about)),
        frames=[(item.name, Markup(_frames(item))) for item in items] if inside else [],
    )


def script_json(value: object) -> str:
    r"""JSON that cannot end the script it stands in.

    >>> script_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _frames(item: Item) -> str:
    encoded = [base64.b64encode(path.read_bytes()).decode("ascii") for path in item.files]
    return script_json(encoded)


def _own(name: str) -> str:
    return (files("mebias.relabel") / "templates" / name).read_text(encoding="utf-8")
