"""What the command `coders` does."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mebias.cli.shared import say, writable, write, write_text, writing
from mebias.errors import MebiasError, OptionError

if TYPE_CHECKING:
    from mebias.quantification.coding import CoderFindings
    from mebias.simulation import CodingStudy


def coders(options: argparse.Namespace) -> None:
    """``mebias coders``."""
    from mebias.quantification.coding import coders as compare

    drawn = _drawn(options)
    out = options.out or Path("reports") / (
        options.file.stem if options.file else "coders-simulated"
    )
    asked = {"fps": options.fps, "min_overlap": options.overlap, "margin_ms": options.margin,
             "min_subjects": options.min_subjects}  # fmt: skip
    if drawn is None:
        found = compare(options.file, options.coders, options.ethnicity, **asked)
    else:
        found = compare(drawn.annotations, drawn.coders, drawn.subjects, **asked)
    writable(out)
    if drawn is not None:
        write(out, {"annotations": drawn.annotations, "coders": drawn.coders,
                    "subjects": drawn.subjects, "truth": drawn.events, "planted_bias": drawn.bias,
                    "planted": drawn.planted})  # fmt: skip
    with writing(out):
        found.to_csv(out)
        _page(found, _figures(found, out), out)
    for message in found.issues.loc[found.issues["severity"] != "note", "message"]:
        print(f"mebias: {message}", file=sys.stderr)
    if found.simulated:
        print("mebias: SIMULATED codings: they say nothing about real coders.", file=sys.stderr)
    say(options, f"{found.summary()}\ntables, figures and coders.html in {out}")


def _drawn(options: argparse.Namespace) -> CodingStudy | None:
    """A simulated study, where no file is given."""
    from mebias.simulation import simulate_coders

    if options.file is not None:
        if options.plant:
            raise OptionError("--plant shapes a simulated study; leave it out with a file.")
        return None
    if options.coders or options.ethnicity:
        raise OptionError("--coders and --ethnicity need the file with the codings.")
    if options.fps is not None and not options.fps > 0:
        raise OptionError(f"--fps is {options.fps:g}; expected a number above 0.")
    return simulate_coders(
        effect=_plants(options.plant), double_coded=0.3, seed=options.seed,
        **({"fps": options.fps} if options.fps else {}),
    )  # fmt: skip


def _plants(texts: Sequence[str]) -> dict[tuple[str, str], tuple[float, float, float]]:
    from mebias.simulation import parse_plant

    found = {}
    for text in texts:
        pair, errors = parse_plant(text)
        culture, comma, group = pair.partition(",")
        if not comma:
            raise OptionError(
                f"--plant {text} names no culture and group; write for example A,B:0,0,20."
            )
        found[culture.strip(), group.strip()] = errors
    return found


def _figures(found: CoderFindings, out: Path) -> dict[str, Path]:
    """The figures that can be drawn, with the SVG of each."""
    from mebias.reporting.figures import save

    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    drawn = {}
    for kind, name in (("bias", "coder_bias"), ("culture", "coder_culture")):
        try:
            figure = found.plot(kind)
        except MebiasError:
            continue  # without cultures and groups there is nothing to draw
        drawn[name] = save(figure, folder, name, simulated=found.simulated)[0]
    return drawn


def _page(found: CoderFindings, pictures: dict[str, Path], out: Path) -> None:
    """One offline page: tables, figures, issues."""
    from mebias.reporting.coders_page import coders_page

    drawn = {name: path.read_text(encoding="utf-8") for name, path in pictures.items()}
    write_text(out / "coders.html", coders_page(found, drawn))
