"""Whatever stands in a table: our errors only, and no keyframe that isn't in the file."""

import datetime
import re
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from authors import books
from hypothesis import HealthCheck, given, settings

import mebias
from mebias.errors import MebiasError
from mebias.manifests import get_manifest, known_manifests

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co")), max_size=8)
_FRAME = st.integers(0, 400)
_NUMBER = st.one_of(
    _FRAME,
    st.integers(-5, 5),
    st.integers(-(10**15), 10**15),
    st.floats(0, 400, allow_nan=False),
    st.floats(allow_nan=False, allow_infinity=False),
)
_WRITTEN = st.one_of(
    _FRAME.map(str),
    _FRAME.map(lambda n: f" {n}.0 "),
    st.floats(0, 400).map(str),
    st.sampled_from(["/", "\\", "-1", "0", "?", "nan", "inf", "1e3", "12a", "#N/A", "１２", "²"]),
)
_DATE = st.one_of(
    st.dates(datetime.date(1950, 1, 1), datetime.date(2050, 1, 1)),
    st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2050, 1, 1)),
    st.times(),
)
_FORMULA = st.sampled_from(["=1+1", "=A1", "=SUM(A1:B2)", "=1/0"])
_ANY = st.one_of(st.none(), st.booleans(), _TEXT, _NUMBER, _WRITTEN, _DATE, _FORMULA)
_CLIPS = ["EP01_1", "006_1_", "a", "J", "s1_ne_0", "anger1_", "中"]
_CODED = st.one_of(_FRAME, _FRAME, _FRAME.map(str), st.sampled_from(["/", "-1", 0, "", None]))
_USUAL = {
    **dict.fromkeys(("onset", "apex", "apex_high", "offset"), _CODED),
    "subject": st.sampled_from(["1", "02", "006", "S13_1st", "s3", "spNO.1", 7, 8.0]),
    "fps": st.sampled_from([60, 200, "200"]),
}
_RULES = [[7, "anger1", 8], ["02", "s02", "anger1"]]
_TABLES = {
    manifest.id: [a.version for a in manifest.annotations if a.names]
    for manifest in known_manifests().values()
}


@st.composite
def _written(draw, name):
    """A table in some annotation file's name, its cells likely or quite unlikely."""
    version = draw(st.sampled_from(_TABLES[name]))
    annotation = get_manifest(name).annotation(version)
    tame = draw(st.sampled_from([1.0, 1.0, 0.9, 0.0]))
    headers: list[tuple[str, object]] = []
    if annotation.positions:
        width = max(annotation.positions.values()) + 1
        by_place = {place: name for name, place in annotation.positions.items()}
        headers = [(by_place.get(place, ""), None) for place in range(width)]
    else:
        names = draw(st.permutations(sorted(annotation.columns)))
        headers = [(name, draw(st.sampled_from(annotation.columns[name]))) for name in names]
        headers += [("", draw(_TEXT)) for _ in range(draw(st.integers(0, 2)))]
    rows = [] if annotation.positions else [[header for _, header in headers]]
    for number in range(draw(st.integers(1, 4))):
        rows.append([draw(_cell(name, tame, number)) for name, _ in headers])
    prose = draw(st.lists(st.lists(_ANY, min_size=1, max_size=4), max_size=3))
    if annotation.positions:
        prose = []
    file = annotation.names[0].replace("*", "")
    suffix = draw(st.sampled_from([Path(file).suffix, Path(file).suffix, ".csv"]))
    return version, str(Path(file).with_suffix(suffix)), [*prose, *rows]


@st.composite
def _cell(draw, name, tame, number):
    """A cell of a column: what authors write there, or now and then anything at all."""
    if draw(st.floats(0, 1, exclude_max=True)) >= tame:
        return draw(_ANY)
    if name == "clip":
        return f"{draw(st.sampled_from(_CLIPS))}{number}"
    return draw(_USUAL.get(name, _ANY))


@pytest.mark.parametrize("name", _TABLES)
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(draws=st.data())
def test_no_keyframe_that_is_not_in_the_file(name, draws):
    version, file, rows = draws.draw(_written(name))
    annotation = get_manifest(name).annotation(version)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sheets = {annotation.sheet or "Sheet1": rows, "2": _RULES, "3": _RULES}
        books.write(root / file, sheets)
        try:
            cohort = mebias.load(name, root, version=version, fps=100.0)
        except MebiasError as error:
            assert "\n" not in str(error) and len(str(error)) < 3000
            return
    frames = cohort.keyframes[["frame", "frame_low", "frame_high"]].to_numpy()
    numbers = _numbers(rows)
    distance = 0.5 if annotation.rounding else 0.0
    for frame in frames[~np.isnan(frames)]:
        assert frame >= 0 and frame == int(frame)
        assert any(abs(frame - number) <= distance for number in numbers), (frame, rows)


def _numbers(rows):
    """Every number that stands in a cell, as a number or as text."""
    found = set()
    for cell in (cell for row in rows for cell in row if not isinstance(cell, bool)):
        text = str(cell) if isinstance(cell, int | float | str) else ""
        if re.fullmatch(r"\s*\+?[0-9]+(\.[0-9]*)?(e\+?[0-9]+)?\s*", text):
            found.add(float(text))
    return found
