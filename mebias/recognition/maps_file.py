"""Maps of the user's own: an ``.npz`` and a clips CSV, matched by clip id; and writing such files.

Nothing in a file is ever run: arrays of objects (pickles) are refused by numpy.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mebias import tables
from mebias.errors import (
    MapError,
    MixedDataError,
    OutputError,
    TableError,
    counted,
    listed,
    suggest,
)
from mebias.recognition.archives import DAMAGED, TooLargeError, read_arrays
from mebias.recognition.inputs import COLUMNS, Inputs
from mebias.recognition.stored import Given

ARM = "input"
"""Name of the arm whose maps come from a file."""
ARRAYS = ("clip", "rising", "falling")
MOST_BYTES = 16 * 2**30
"""Arrays that would take more memory than this are not read."""
MOST_VALUE = 1e30
"""Larger values are refused: in single precision their squares are infinite."""


def read_maps(maps: str | Path, clips: str | Path) -> Inputs:
    """Read maps and the clips that they belong to.

    Parameters
    ----------
    maps : path
        An ``.npz`` with ``clip`` (n ids, unicode), ``rising`` and, if wanted, ``falling``
        (n x channels x height x width; float or uint8, any number of channels, any scale).
    clips : path
        A CSV with clip, subject, label (text or a whole number), and, if wanted, dataset and
        ethnicity. Its order is that of the clips.

    Returns
    -------
    Inputs
        With one source, ``input``; clips that only one of the files has are left out, and
        ``issues`` says which.

    Raises
    ------
    MapError
        The file cannot be read, lacks an array, or arrays have other sizes or types, or hold
        NaN; the message names the clip.
    TableError
        The CSV cannot be used, or repeats a clip.
    MixedDataError
        Real and simulated clips in one table.
    """
    maps = Path(maps)
    arrays = _arrays(maps)
    table = _clips(Path(clips))
    place = {name: i for i, name in enumerate(arrays["clip"].tolist())}
    there = table["clip"].isin(list(place))
    if not there.any():
        raise MapError(
            f"none of the clips of {Path(clips).name} ({listed(table['clip'], 3)}) is in "
            f"{maps.name} ({listed(place, 3)}); give both the same clip ids."
        )
    issues = _one_sided(maps.name, Path(clips).name, table[~there]["clip"], place, table["clip"])
    own = table[there].reset_index(drop=True)
    rows = np.array([place[name] for name in own["clip"]])
    branches = [arrays[name][rows] for name in ARRAYS[1:] if name in arrays]
    n_channels = branches[0].shape[1]
    return Inputs(
        clips=own,
        classes=tuple(sorted(set(own["label"]), key=_numbers_first)),
        channels=tuple(f"channel {i}" for i in range(n_channels)),
        kind="given",
        issues=tables.from_rows(issues, "issues"),
        store=Given({ARM: np.stack(branches, axis=1)}),
    )


def check_fit(inputs: Inputs, model: str) -> None:
    """Refuse maps that a shipped model cannot take, and clips that nothing can be learned from.

    Raises
    ------
    MapError
        The model cannot take maps of this size or number of channels.
    TableError
        All clips are of one class.
    OptionError
        No model has this name.

    Examples
    --------
    >>> table = pd.DataFrame({"dataset": "d", "clip": ["1", "2"], "subject": ["a", "b"],
    ...                       "ethnicity": "unknown", "label": ["x", "y"]})
    >>> maps = Given({ARM: np.zeros((2, 1, 3, 2, 2), dtype=np.float32)})
    >>> issues = tables.empty("issues")
    >>> check_fit(Inputs(table, ("x", "y"), ("a", "b", "c"), "given", issues, maps), "tiny")
    Traceback (most recent call last):
    mebias.errors.MapError: the model tiny cannot take maps of 3 channels x 2 x 2 ...
    """
    import torch

    from mebias.recognition.models import get_model

    chosen = get_model(model)
    if len(inputs.classes) < 2:
        raise TableError(
            f"all {len(inputs)} clips are of one class ({listed(inputs.classes)}); to tell "
            f"classes apart, two or more are needed."
        )
    shape = inputs.maps(ARM, np.arange(1)).shape[2:]
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            chosen.build(shape[0], len(inputs.classes)).eval()(torch.zeros(2, *shape))
    except (RuntimeError, ValueError) as error:
        wants = f"{chosen.channels} x {chosen.size} x {chosen.size}"
        why = str(error).splitlines()[0].rstrip(".")
        raise MapError(
            f"the model {model} cannot take maps of {shape[0]} channels x {shape[1]} x {shape[2]} "
            f"({why}); it is made for {wants}: resize them, or choose another model."
        ) from None


def write_maps(inputs: Inputs, folder: str | Path, source: str) -> tuple[Path, Path]:
    """Write the maps of one source, and the clips, as files that `read_maps` reads.

    Parameters
    ----------
    inputs : Inputs
    folder : path
        Made if it is not there.
    source : str
        One of the inputs' sources; ``#`` in its name becomes ``-`` in that of the file.

    Returns
    -------
    maps, clips : Path
        ``<source>.npz`` and ``clips.csv``.

    Raises
    ------
    MapError
        Two datasets share a clip id, by which maps are found.
    OptionError
        No such source.
    OutputError
        The folder cannot be written.
    """
    twice = inputs.clips["clip"][inputs.clips["clip"].duplicated()]
    if len(twice):
        raise MapError(
            f"two datasets have a clip {twice.iloc[0]}, and a file of maps knows clips by their "
            f"id alone; write each dataset by itself."
        )
    values = inputs.maps(source)
    names = np.array(inputs.clips["clip"].tolist(), dtype=np.str_)
    branches = dict(zip(ARRAYS[1:], np.moveaxis(values, 1, 0), strict=False))
    folder = Path(folder)
    path, table = folder / f"{source.replace('#', '-')}.npz", folder / "clips.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(path, clip=names, **branches)
        tables.write_csv(inputs.clips, table)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}).") from None
    return path, table


def _write_whole(path: Path, **arrays: np.ndarray) -> None:
    """Write an archive whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise MapError(f"{path.name} was not found; check the path of the maps.")
    try:
        arrays, found = read_arrays(path, ARRAYS, MOST_BYTES)
    except TooLargeError as error:
        raise MapError(f"{path.name} {error}: make the maps smaller, or split the clips.") from None
    except DAMAGED as error:
        raise MapError(
            f"{path.name} cannot be read as an .npz of plain arrays ({error}); write it anew with "
            f"numpy.savez, clip ids as unicode text and not as objects."
        ) from None
    for name in ARRAYS[:2]:
        if name not in arrays:
            raise MapError(
                f"{path.name} has no array {name!r} (found: {listed(found)})"
                f"{suggest(name, found)}; expected clip, rising and, if wanted, falling."
            )
    _check_arrays(path.name, arrays)
    return arrays


def _check_arrays(name: str, arrays: dict[str, np.ndarray]) -> None:
    clips, rising = arrays["clip"], arrays["rising"]
    if clips.ndim != 1 or clips.dtype.kind != "U":
        raise MapError(
            f"{name}: 'clip' is {clips.dtype} of shape {clips.shape}; expected a list of unicode "
            f"text, one id per clip."
        )
    codes = np.array(clips.astype(clips.dtype.newbyteorder("=")), ndmin=1)
    if codes.dtype.itemsize and not _is_text(codes.view(np.uint32)):
        raise MapError(
            f"{name}: 'clip' holds numbers that are no characters; the file is damaged, write it "
            f"anew with numpy.savez."
        )
    repeated = pd.Series(clips)[pd.Series(clips).duplicated()]
    if len(repeated):
        raise MapError(f"{name}: clip {repeated.iloc[0]} is there twice; keep one of them.")
    for key, values in arrays.items():
        if key == "clip":
            continue
        if values.ndim != 4 or 0 in values.shape or len(values) != len(clips):
            raise MapError(
                f"{name}: {key!r} has shape {values.shape}; expected {len(clips)} clips x channels "
                f"x height x width."
            )
        if values.dtype.kind != "f" and values.dtype != np.uint8:
            raise MapError(f"{name}: {key!r} is {values.dtype}; expected float or uint8.")
        broken = ~np.isfinite(values).all(axis=(1, 2, 3))
        if broken.any():
            raise MapError(
                f"{name}: {key!r} holds NaN or infinite values in {counted(broken.sum(), 'clip')} "
                f"({listed(clips[broken])}); mend their maps or leave them out."
            )
        most = max(abs(float(values.min())), abs(float(values.max())))
        if most > MOST_VALUE:
            raise MapError(
                f"{name}: {key!r} holds values up to {most:.3g}; expected at most {MOST_VALUE:g}, "
                f"as training computes in single precision: divide its channels by their scale."
            )
    falling = arrays.get("falling", rising)
    if falling.shape != rising.shape:
        raise MapError(
            f"{name}: 'falling' has shape {falling.shape} and 'rising' {rising.shape}; expected "
            f"one shape for both."
        )


def _is_text(codes: np.ndarray) -> bool:
    """Whether every number is that of a character; halves of characters are none."""
    return not ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any()


def _clips(path: Path) -> pd.DataFrame:
    text = tables.read_text_csv(path)
    missing = [c for c in ("clip", "subject", "label") if c not in text.columns]
    if missing:
        raise TableError(
            f"{path.name} has no column {missing[0]} (found: {listed(text.columns, 12)})"
            f"{suggest(missing[0], list(text.columns))}; expected clip, subject and label."
        )
    defaults = {"dataset": "data", "ethnicity": tables.UNKNOWN}
    own = pd.DataFrame({c: text.get(c, pd.Series(defaults.get(c, ""), index=text.index))
                        for c in COLUMNS}, dtype=str)  # fmt: skip
    own = pd.DataFrame({c: own[c].str.strip() for c in COLUMNS})
    for column in ("clip", "subject", "label"):
        blank = np.flatnonzero(own[column] == "")
        if len(blank):
            raise TableError(
                f"{path.name}, row {blank[0] + 2}, column {column}: found nothing, expected text."
            )
    own["label"] = own["label"].str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)  # 1.0 is class 1
    repeated = own["clip"][own["clip"].duplicated()]
    if len(repeated):
        raise TableError(f"{path.name} has the clip {repeated.iloc[0]} twice; keep one row.")
    own["ethnicity"] = own["ethnicity"].where(own["ethnicity"] != "", tables.UNKNOWN)
    own["dataset"] = own["dataset"].where(own["dataset"] != "", "data")
    if len({tables.is_simulated(name) for name in own["dataset"]}) > 1:
        raise MixedDataError(f"{path.name} holds real and simulated clips, which do not mix.")
    return own


def _one_sided(
    maps: str, clips: str, unmapped: pd.Series, place: dict[str, int], listed_clips: pd.Series
) -> list[dict[str, object]]:
    extra = sorted(set(place) - set(listed_clips))
    rows: list[dict[str, object]] = []
    for where, absent, names in ((clips, maps, list(unmapped)), (maps, clips, extra)):
        if names:
            are = "is" if len(names) == 1 else "are"
            rows.append(
                tables.issue(
                    "warning",
                    f"{counted(len(names), 'clip')} of {where} {are} not in {absent} and {are} "
                    f"left out ({listed(names)}).",
                    dataset="data",
                    found=counted(len(names), "clip"),
                    check="maps",
                )
            )
    return rows


def _numbers_first(label: str) -> tuple[bool, Any, str]:
    """Labels that are whole numbers in their order, then text."""
    return (False, int(label), "") if label.isdecimal() else (True, 0, label)
