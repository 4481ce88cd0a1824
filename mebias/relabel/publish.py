"""Writing a packet: the folder for coders, whole or not at all, and the key beside it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from mebias import provenance, tables
from mebias.cohort import Cohort
from mebias.errors import OutputError, TableError
from mebias.relabel.elan import write_elan
from mebias.relabel.page import Item, page
from mebias.relabel.shown import numbers_of

PACKET, PAGE, KEY = "packet", "relabel.html", "relabel-key.csv"
_QUALITY = 92
_BASE64 = 4 / 3
_PREFIX = ".mebias-partial-"


@dataclass(frozen=True)
class Written:
    """Where a packet was written, and how.

    Attributes
    ----------
    page, key : Path
        For the coders; for whoever asks them.
    files : int
        Files of frames beside the page; 0 where they are inside of it.
    megabytes : float
        What the coders' folder holds.
    """

    page: Path
    key: Path
    files: int
    megabytes: float


def write_packet(
    cohort: Cohort,
    key: pd.DataFrame,
    flags: pd.DataFrame,
    out: Path,
    *,
    about: Mapping[str, object],
    max_mb: float,
    side: int,
    elan: bool,
    progress: bool = False,
) -> Written:
    """Write the folder ``packet`` for coders, and key, flags and provenance beside it.

    Raises
    ------
    OutputError
        The folder holds the key of another packet, or cannot be written.
    """
    refuse_another(out, str(key["packet"].iloc[0]))
    with _refusing(out), _stage(out) as stage:
        new = stage / PACKET
        (new / "frames").mkdir(parents=True)
        items = list(_items(cohort, key, new / "frames", side, progress))
        size = sum(item.size for item in items)
        inside = size * _BASE64 <= max_mb * 1e6
        packet, cut = str(key["packet"].iloc[0]), how_many_cut(key)
        text = page(cohort, packet, items, inside=inside, cut=cut, elan=elan)
        (new / PAGE).write_text(text, encoding="utf-8", newline="\n")
        if elan:
            write_elan(new, packet, items)
        if inside:
            shutil.rmtree(new / "frames")
        tables.write_csv(key, stage / KEY)
        tables.write_csv(flags, stage / "flags.csv")
        settings = {cohort.name: dict(cohort.settings)}
        arguments = {name: value for name, value in about.items() if name != "command"}
        made = provenance.record("relabel", arguments, settings)
        text = json.dumps(made, indent=1, sort_keys=True, allow_nan=False) + "\n"
        (stage / "provenance.json").write_text(text, encoding="utf-8", newline="\n")
        _exchange(stage, out)
    folder = out / PACKET
    total = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    files = 0 if inside else sum(len(item.files) for item in items)
    return Written(folder / PAGE, out / KEY, files, total / 1e6)


def how_many_cut(key: pd.DataFrame) -> str:
    """Whether ``all`` clips, ``some`` or none ("") are cut at a label of onset or offset."""
    cut = key.groupby("item")["cut"].any()
    return "all" if cut.all() else "some" if cut.any() else ""


def refuse_another(out: Path, packet: str) -> None:
    """Refuse a folder whose key belongs to another packet: without it no answer can be read.

    Raises
    ------
    OutputError
    """
    path, folder = out / KEY, out / PACKET
    if path.exists():
        try:
            held = set(tables.read_text_csv(path).get("packet", []))
        except TableError:
            held = {"?"}
        if held != {packet}:
            raise OutputError(
                f"{path} is the key of another packet ({', '.join(sorted(held))}), without which "
                f"what its coders save cannot be read; choose another --out."
            )
    elif folder.exists():
        raise OutputError(
            f"{folder} is there without a {KEY} beside it, so that it is no packet of mebias; "
            f"choose another --out."
        )


def _items(
    cohort: Cohort, key: pd.DataFrame, folder: Path, side: int, progress: bool
) -> Iterator[Item]:
    """Write the frames of each clip as JPEG, without anything but the picture inside."""
    assert cohort.frames is not None
    rows = key.drop_duplicates("item")
    for item, clip, fps, frames in _bar(
        rows[["item", "clip", "fps", "frames"]].to_numpy().tolist(), progress
    ):
        place = folder / item
        place.mkdir()
        files, size, shape = [], 0, (0, 0)
        for number, frame in enumerate(numbers_of(frames).tolist(), start=1):
            image = _fitted(cohort.frames.read(clip, frame), side)
            done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            if not done:  # pragma: no cover - a decoded picture can be encoded
                raise OutputError(f"frame {frame} of clip {clip} cannot be written as JPEG.")
            file = place / f"{number:04d}.jpg"
            file.write_bytes(data.tobytes())
            files.append(file)
            size += len(data)
            shape = (max(shape[0], image.shape[0]), max(shape[1], image.shape[1]))
        yield Item(item, float(fps), tuple(files), size, shape)


def _fitted(image: np.ndarray, side: int) -> np.ndarray:
    longest = max(image.shape[:2])
    if longest <= side:
        return image
    scale = side / longest
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


@contextlib.contextmanager
def _stage(out: Path) -> Iterator[Path]:
    out.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=out))
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _exchange(stage: Path, out: Path) -> None:
    """Put everything in its place; the key first, without which a packet is lost."""
    for name in (KEY, "flags.csv", "provenance.json"):
        os.replace(stage / name, out / name)
    if (out / PACKET).exists():
        os.replace(out / PACKET, stage / "old")
    (stage / PACKET).chmod(0o755)
    os.replace(stage / PACKET, out / PACKET)


@contextlib.contextmanager
def _refusing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"the output folder {out} cannot be written ({error.strerror or error}); free space "
            f"or choose another one with --out."
        ) from None


def _bar(rows: list[list[Any]], progress: bool) -> Iterable[list[Any]]:
    if not progress:
        return rows
    from tqdm.auto import tqdm

    bar: Iterable[list[Any]] = tqdm(rows, desc="frames", unit="clip")
    return bar
