"""A simulated cohort on disk, in the layout of ``folder``."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import pandas as pd

from mebias import tables
from mebias.cohort import Cohort
from mebias.errors import OptionError, OutputError
from mebias.locking import hold, released


def write_folder(cohort: Cohort, root: str | Path, progress: bool = False) -> Path:
    """Write a simulated cohort as a folder that `mebias.load` reads back, pixel by pixel.

    Parameters
    ----------
    cohort : Cohort
        A simulated cohort; images of real people are never copied.
    root : path
        A folder that is not there yet, or is empty.
    progress : bool
        Show progress on stderr.

    Returns
    -------
    Path
        The folder: ``annotations.csv``, ``frames/<clip>/<number>.png``, the truth in
        ``truth.csv`` and ``planted_errors.csv``, and the mark ``SIMULATED.json``. It is
        there whole, or not at all.

    Raises
    ------
    OutputError
        The folder holds something, or cannot be written.
    OptionError
        The cohort is not a simulated one with frames.

    Examples
    --------
    >>> import mebias, tempfile
    >>> cohort = mebias.simulate("4dme", n_subjects=5, n_clips=5, size=(16, 16))
    >>> root = write_folder(cohort, tempfile.mkdtemp())
    >>> mebias.load("folder", root)
    Cohort(SIMULATED 4dme: 5 clips, 5 subjects, groups A, B, C, with frames)
    """
    if not cohort.simulated or cohort.frames is None:
        raise OptionError(
            f"{cohort.name} is no simulated cohort with frames; only such are written."
        )
    root = Path(root)
    with released():
        _refuse_occupied(root)
        hold(root, beside=True)
        _publish(cohort, root, progress)
    return root


def _publish(cohort: Cohort, root: Path, progress: bool) -> None:
    partial: Path | None = None
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".mebias-partial-", dir=root.parent))
        partial.chmod(0o755)
        _write(cohort, partial, progress)
        os.replace(partial, root)
    except OSError as error:
        raise OutputError(
            f"the output folder {root} cannot be written ({error.strerror or error}); free space "
            f"or choose another folder."
        ) from None
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def label_table(cohort: Cohort) -> pd.DataFrame:
    """The human labels, one row per clip, in the columns of ``annotations.csv``.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("4dme", n_subjects=3, n_clips=3, size=(16, 16))
    >>> label_table(cohort).columns[-3:].tolist()
    ['onset', 'apex', 'offset']
    """
    human = cohort.keyframes[cohort.keyframes["source"] == "human"]
    wide = human.pivot_table(index="clip", columns="keyframe", values="frame")
    wide = wide.reindex(columns=list(tables.KEYFRAMES)).astype("Int64").reset_index()
    columns = ["clip", "subject", "ethnicity", "emotion", "aus", "fps", "video"]
    return cohort.clips[columns].merge(wide, on="clip")


def _refuse_occupied(root: Path) -> None:
    if root.is_dir():
        if any(root.iterdir()):
            raise OutputError(
                f"the output folder {root} holds files already; choose an empty or new folder."
            )
        if not os.access(root, os.W_OK):
            raise OutputError(
                f"the output folder {root} cannot be written (no permission); choose another one."
            )
    elif root.exists():
        raise OutputError(f"the output folder {root} is a file; choose another one.")


def _write(cohort: Cohort, folder: Path, progress: bool) -> None:
    tables.write_csv(label_table(cohort), folder / "annotations.csv")
    if cohort.truth is not None and cohort.planted is not None:
        tables.write_csv(cohort.truth, folder / "truth.csv")
        tables.write_csv(cohort.planted, folder / "planted_errors.csv")
    about = {"dataset": cohort.name, "settings": dict(cohort.settings)}
    text = json.dumps(about, indent=1, sort_keys=True, allow_nan=False)
    (folder / tables.MARKER).write_text(f"{text}\n", encoding="utf-8")
    for clip in _bar(cohort.clips["clip"].tolist(), progress):
        _write_frames(cohort, clip, folder / "frames" / clip)


def _write_frames(cohort: Cohort, clip: str, folder: Path) -> None:
    assert cohort.frames is not None
    folder.mkdir(parents=True)
    for number in cohort.frames.numbers(clip).tolist():
        encoded = cv2.imencode(".png", cohort.frames.read(clip, number))[1]
        (folder / f"{number}.png").write_bytes(encoded.tobytes())


def _bar(clips: list[str], progress: bool) -> Iterable[str]:
    if not progress:
        return clips
    from tqdm.auto import tqdm

    bar: Iterable[str] = tqdm(clips, desc="writing frames", unit="clip")
    return bar
