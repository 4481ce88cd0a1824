"""Pictures of single clips: which to draw, and their files."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from mebias.cohort import Cohort
from mebias.errors import FrameError, OptionError
from mebias.reporting.clip_view import AnyRule, ClipView, need_clips, need_frames, view, windowed
from mebias.reporting.distance_picture import draw_distances, plot_distances
from mebias.reporting.figure_style import ONE_COLUMN_MM, TWO_COLUMNS_MM, save
from mebias.reporting.film_picture import draw_film, plot_film
from mebias.reporting.motion_picture import draw_motion, plot_motion

__all__ = [
    "most_disagreeing", "plot_distances", "plot_film", "plot_motion", "which_clips",
    "write_clip_figures",
]  # fmt: skip
MOST = 6
"""Clips that are drawn where nobody says how many."""
ONE_COLUMN = "one-column"
"""Folder of the narrow versions, below that of the wide ones."""
Draw = Callable[[ClipView, AnyRule, str, int, float], Figure]
KINDS: dict[str, Draw] = {"distances": draw_distances, "motion": draw_motion}
"""Pictures that show no face."""
FACES: dict[str, Draw] = {"film": draw_film}
"""Pictures that do."""


def which_clips(cohort: Cohort, given: Sequence[str]) -> int | list[str]:
    """What ``--figures`` asks for: a number of clips, or clips by name.

    Raises
    ------
    OptionError
        No such clip, or fewer than one.

    Examples
    --------
    >>> import mebias
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
    >>> which_clips(cohort, []), which_clips(cohort, ["2"])
    (6, 2)
    >>> which_clips(cohort, ["s01/s01_01"])
    ['s01/s01_01']
    """
    if not given:
        return MOST
    known = set(cohort.clips["clip"])
    if len(given) == 1 and given[0] not in known and re.fullmatch(r"[+-]?[0-9]+", given[0]):
        if int(given[0]) < 1:
            raise OptionError(f"--figures {given[0]}: expected 1 clip or more, or names of clips.")
        return int(given[0])
    need_clips(cohort, given)
    return list(dict.fromkeys(given))


def most_disagreeing(shifts: pd.DataFrame, n: int = MOST) -> list[str]:
    """The clips with the largest mean distance between human and selected keyframes.

    Parameters
    ----------
    shifts : DataFrame
        A shifts table of one dataset; the mean is over all keyframes and sources in it.
    n : int
        How many clips at most.

    Returns
    -------
    list of str
        The largest first, equals in the order of the table; clips without a shift are left
        out.

    Examples
    --------
    >>> rows = {"clip": ["a", "a", "b", "c"], "shift_ms": [-10.0, 10.0, 30.0, float("nan")]}
    >>> most_disagreeing(pd.DataFrame(rows))
    ['b', 'a']
    """
    sizes = shifts["shift_ms"].abs().groupby(shifts["clip"], sort=False).mean().dropna()
    order = sizes.sort_values(ascending=False, kind="stable")
    return [str(clip) for clip in order.index[:n]]


def write_clip_figures(
    cohort: Cohort,
    clips: Sequence[str],
    folder: Path,
    *,
    rules: Sequence[AnyRule] = ("gamdss",),
    distance: str = "signed",
    seed: int = 0,
    faces: bool = False,
    progress: bool = False,
) -> tuple[list[Path], list[str]]:
    """Write the pictures of each clip as SVG, PDF and PNG.

    Parameters
    ----------
    cohort : Cohort
        With frames.
    clips : sequence of str
        Which.
    folder : Path
        Made where it is not there. It gets ``<clip>_distances`` and ``<clip>_motion`` at two
        columns' width, and the same at one column's in a folder `ONE_COLUMN` within; the same
        input gives the same bytes.
    rules : sequence
        The first of them that has windows is drawn; without one, ``gamdss``.
    distance : {"signed", "uint8"}
        The rule's distance.
    seed : int
        As for `mebias.reselect`.
    faces : bool
        Write ``<clip>_film`` too, which shows the face.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    paths : list of Path
        The files.
    problems : list of str
        A sentence for each picture that could not be drawn.

    Raises
    ------
    OptionError
        The cohort has no frames or no such clip.

    Examples
    --------
    >>> import mebias
    >>> from tempfile import TemporaryDirectory
    >>> cohort = mebias.simulate("samm", n_subjects=3, n_clips=3, size=(48, 48))
    >>> with TemporaryDirectory() as out:
    ...     paths, problems = write_clip_figures(cohort, ["s01/s01_01"], Path(out))
    >>> len(paths), paths[0].name, problems
    (12, 's01-s01_01_distances.svg', [])
    """
    need_frames(cohort)
    need_clips(cohort, clips)
    found = next((own for rule in rules if (own := windowed(rule)) is not None), "gamdss")
    folder = Path(folder)
    (folder / ONE_COLUMN).mkdir(parents=True, exist_ok=True)
    names = _file_names(cohort.clips["clip"])
    paths: list[Path] = []
    problems: list[str] = []
    for clip in _bar(clips, progress):
        try:
            seen = view(cohort, clip)
        except (FrameError, OptionError) as error:
            problems.append(str(error))
            continue
        for kind, draw in (KINDS | FACES if faces else KINDS).items():
            try:
                for width, place in (
                    (TWO_COLUMNS_MM, folder),
                    (ONE_COLUMN_MM, folder / ONE_COLUMN),
                ):
                    figure = draw(seen, found, distance, seed, width)
                    paths += save(figure, place, f"{names[clip]}_{kind}")
            except FrameError as error:
                problems.append(f"no picture of {kind}: {error}")
    return paths, problems


def _file_names(clips: Iterable[str]) -> dict[str, str]:
    """A file name per clip, different for each and the same whichever of them are drawn.

    >>> _file_names(["s1/a", "s1/b#10"])
    {'s1/a': 's1-a', 's1/b#10': 's1-b-10'}
    >>> len(set(_file_names(["a/b", "A-b"]).values()))
    2
    """
    clips = list(clips)
    plain = {clip: re.sub(r"[^\w.]+", "-", clip).strip("-.") for clip in clips}
    taken = [name.casefold() for name in plain.values()]
    return {
        clip: name
        if name and taken.count(name.casefold()) == 1
        else f"{name}-{zlib.crc32(clip.encode()):08x}"
        for clip, name in plain.items()
    }


def _bar(clips: Sequence[str], progress: bool) -> Iterable[str]:
    if not progress:
        return clips
    from tqdm.auto import tqdm

    bar: Iterable[str] = tqdm(clips, desc="drawing", unit="clip")
    return bar
