"""Analysis plans as TOML files: a comment on each line, and errors that name the line."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd

from mebias import tables
from mebias.errors import OptionError, counted, listed, suggest
from mebias.quantification.plan import Exclusions, Plan
from mebias.reading import read_plain

_MOST_BYTES = 2**22
_COMMENTS = {
    "dataset": "whose shifts are analyzed",
    "rule": "tests rest on the frames that this rule selects; others are described",
    "distance": "and on this distance between frames",
    "primary": "the primary contrast, at 3 keyframes; empty: no contrast is possible",
    "margin_ms": "a contrast smaller than this does not matter (ms)",
    "families": "tests; p-values are adjusted (Holm) within each family",
    "min_subjects": "groups with fewer subjects are described, not tested",
    "merge_small": "true: such groups are taken together as 'other groups'",
    "conf_level": "level of the intervals; 1 - conf_level is that of the tests",
    "seed": "seed of the permutations of subjects",
    "n_permutations": "random permutations, where there are too many to run all",
    "exclude.subjects": "subjects left out, by name",
    "exclude.clips": "clips left out, by name",
    "exclude.expression_types": 'such as ["macro"]',
    "exclude.truncated": "true: selections whose window the recording cuts are left out",
}


def plan_text(plan: Plan, clips: pd.DataFrame | None = None) -> str:
    """A plan as TOML, each line with its comment.

    Parameters
    ----------
    plan : Plan
        What to write.
    clips : DataFrame, optional
        Clips whose groups are listed in the comment on top.

    Examples
    --------
    >>> print(plan_text(Plan("samm")).splitlines()[-3])
    clips = []  # clips left out, by name
    """
    lines = ["# Analysis plan of mebias: fixed before any shift was read.", *_shape(plan, clips)]
    values = asdict(plan)
    exclude = values.pop("exclude")
    lines += [_line(key, value, _COMMENTS[key]) for key, value in values.items()]
    lines += ["", "[exclude]"]
    lines += [_line(key, value, _COMMENTS[f"exclude.{key}"]) for key, value in exclude.items()]
    return "\n".join(lines) + "\n"


def write_plan(plan: Plan, path: Path, clips: pd.DataFrame | None = None) -> None:
    """Write a plan as `plan_text` makes it."""
    path.write_text(plan_text(plan, clips), encoding="utf-8", newline="\n")


def _shape(plan: Plan, clips: pd.DataFrame | None) -> list[str]:
    lines = []
    if tables.is_simulated(plan.dataset):
        lines.append(f"# {tables.SIMULATED}: the cohort was made, not recorded; its groups are")
        lines.append("# not those of the dataset whose shape it has.")
    if clips is None:
        return lines
    counts = clips.groupby("ethnicity").agg(subjects=("subject", "nunique"), clips=("clip", "size"))
    for group, row in counts.iterrows():
        name = "group not stated" if group == tables.UNKNOWN else json.dumps(str(group))
        subjects = counted(row["subjects"], "subject")
        lines.append(f"# {name}: {subjects}, {counted(row['clips'], 'clip')}")
    return lines


def _line(key: str, value: object, comment: str) -> str:
    return f"{key} = {_toml(value)}  # {comment}"


def _toml(value: object) -> str:
    """A value as TOML; JSON's strings, numbers, booleans and lists of strings are TOML's."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def read_plan(path: Path) -> Plan:
    """Read a plan.

    Parameters
    ----------
    path : Path
        A TOML file such as ``python -m mebias plan`` prints. Keys that it leaves out have
        their defaults; ``dataset`` is needed.

    Raises
    ------
    OptionError
        The file is missing or no TOML, has an unknown key, a value of the wrong type or out
        of range; the message names the file and the line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "plan.toml"
    >>> write_plan(Plan("samm", margin_ms=12.5), path)
    >>> read_plan(path) == Plan("samm", margin_ms=12.5)
    True
    """
    text = _read(path)
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise OptionError(f"{path.name} is not TOML: {error}; mend that line.") from None
    values = _checked(found, Plan, text, path.name)
    exclude: dict[str, object] = values.get("exclude", {})
    if "dataset" not in values:
        raise OptionError(f"{path.name} does not say its dataset; add a line dataset = ...")
    values["exclude"] = Exclusions(**_checked(exclude, Exclusions, text, path.name, "exclude."))
    try:
        return Plan(**values)
    except OptionError as error:
        key = str(error).partition(" ")[0]
        raise OptionError(f"{path.name}{_at(text, key)}: {error}") from None


def _read(path: Path) -> str:
    try:
        return read_plain(path, _MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        raise OptionError(f"{path.name} was not found; check the path of the plan.") from None
    except UnicodeDecodeError:
        raise OptionError(f"{path.name} is not UTF-8 text; save it as TOML in UTF-8.") from None
    except OSError as error:
        raise OptionError(
            f"{path.name} cannot be read ({error.strerror}); check the path of the plan."
        ) from None


def _checked(
    found: Mapping[str, object], kind: type, text: str, name: str, prefix: str = ""
) -> dict[str, Any]:
    """Values of known keys and right types; lists become tuples."""
    known = {f.name: _KINDS[str(f.type)] for f in fields(kind)}
    values: dict[str, Any] = {}
    for key, value in found.items():
        place = f"{name}{_at(text, key)}"
        if key not in known:
            near = suggest(key, known) or f"; known: {listed(known, 20)}"
            raise OptionError(f"{place}: unknown key {prefix}{key}{near}.")
        types, expected = known[key]
        good = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        if good and isinstance(value, list):
            good = all(isinstance(item, str) for item in value)
        if not good:
            raise OptionError(f"{place}: {prefix}{key} is {value!r}; expected {expected}.")
        values[key] = tuple(value) if isinstance(value, list) else value
    return values


_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "a text in quotes"),
    "float": ((int, float), "a number"),
    "int": ((int,), "a whole number"),
    "bool": ((bool,), "true or false"),
    "tuple[str, ...]": ((list,), "a list of texts"),
    "Exclusions": ((dict,), "a table [exclude]"),
}


def _at(text: str, key: str) -> str:
    """``, line n`` where a key stands at the beginning of a line."""
    pattern = re.compile(rf'\s*(\[\s*)?"?{re.escape(key)}"?\s*[=\].]')
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.match(line):
            return f", line {number}"
    return ""
