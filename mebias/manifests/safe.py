"""What a manifest from somebody else must not do: leave the root, or keep its reader busy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from string import Formatter
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from mebias.errors import ManifestError
from mebias.manifests.model import Manifest
from mebias.text_cells import is_unseen

MOST_BYTES = 2**17
"""The shipped manifests have 1 to 8 thousand bytes."""
MOST_NUMBER = 10**6
"""Places, widths and counts beyond this are nobody's."""

_ID = re.compile(r"[\w.+-]{1,64}")
_WIDTH = re.compile(r"(?:[0 ]?[<>^])?[0-9]{1,2}")
_PATTERN_LENGTH = 300
_UNBOUNDED = 2
_TOKEN = re.compile(
    r"""\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?(?:[:=!>]|<[=!]|P?<\w+>|[aiLmsux-]+:?))?|\)|\||"""
    r"""(?:[*+?]|\{\d*,?\d*\})[?+]?|.""",
    re.DOTALL,
)
_DEEP_KEY = re.compile(r"""(?:^|[\[{,])[ \t]*(?:[\w"'-]+[ \t]*\.[ \t]*){33,}""", re.MULTILINE)


def check_text(text: str, origin: str) -> None:
    """Refuse a file whose keys alone would take minutes to parse."""
    if len(text) > MOST_BYTES:
        raise ManifestError(
            f"{origin} has {len(text):,} characters, expected at most {MOST_BYTES:,}; is it a "
            f"manifest?"
        )
    if _DEEP_KEY.search(text):
        raise ManifestError(f"{origin} has a key of more than 33 parts; expected section.name.")


def check_manifest(manifest: Manifest, origin: str) -> None:
    """Refuse values of the wrong type or out of reason, and names that are no names.

    Numbers are finite, not below 0 and not above a million.
    """
    _check(manifest, Manifest, origin, "")
    if not _ID.fullmatch(manifest.id) or not manifest.id.strip("."):
        raise ManifestError(
            f"{origin}: id is {manifest.id[:60]!r}, expected a short word of letters, digits, '-' "
            f"and '_', since results are written to a folder of this name."
        )
    texts = {"name": manifest.name, "ethnic_group": manifest.ethnic_group}
    texts |= {"version": "".join(annotation.version for annotation in manifest.annotations)}
    for key, text in texts.items():
        if any(map(is_unseen, text)):
            raise ManifestError(f"{origin}: {key} holds a line break or a control character.")
    for key, number in (("fps", manifest.fps), *(("fps", a.fps) for a in manifest.annotations)):
        if number == 0:
            raise ManifestError(f"{origin}: {key} is 0, expected a number above 0.")


def _check(value: Any, wanted: Any, origin: str, name: str) -> None:
    """Whether a value is of the type that its field declares, all the way down."""
    if isinstance(wanted, UnionType):
        options = [kind for kind in get_args(wanted) if kind is not type(None)]
        if value is not None:
            _check(value, options[0], origin, name)
    elif is_dataclass(wanted):
        hints = get_type_hints(wanted)
        for part in fields(wanted):
            _check(getattr(value, part.name), hints[part.name], origin, part.name)
    elif get_origin(wanted) is tuple:
        _refuse_unless(isinstance(value, tuple), value, "a list", origin, name)
        for item in value:
            _check(item, get_args(wanted)[0], origin, name)
    elif get_origin(wanted) is Mapping:
        _refuse_unless(isinstance(value, Mapping), value, "a section", origin, name)
        for key, item in value.items():
            _check(item, get_args(wanted)[1], origin, f"{name}.{key}")
    elif wanted in (int, float):
        number = isinstance(value, int if wanted is int else int | float)
        good = number and not isinstance(value, bool) and 0 <= value <= MOST_NUMBER
        words = f"a {'whole ' if wanted is int else ''}number from 0 to {MOST_NUMBER:,}"
        _refuse_unless(good, value, words, origin, name)
    else:
        words = {str: "a text", bool: "true or false"}[wanted]
        _refuse_unless(isinstance(value, wanted), value, words, origin, name)


def _refuse_unless(good: bool, value: Any, words: str, origin: str, name: str) -> None:
    if not good:
        raise ManifestError(f"{origin}: {name} is {repr(value)[:60]}, expected {words}.")


def texts(section: Mapping[str, Any], name: str, origin: str) -> tuple[str, ...]:
    """A list of texts; empty where there is none."""
    found = section.get(name, ())
    if not isinstance(found, list | tuple) or not all(isinstance(text, str) for text in found):
        raise ManifestError(
            f'{origin}: {name} is {repr(found)[:60]}, expected a list of texts, such as ["a"].'
        )
    return tuple(found)


def check_folders(pattern: Any, origin: str) -> str:
    """A pattern of clip folders: below the root, and at most two names or ``*`` per level."""
    (checked,) = check_patterns([pattern], origin)
    for level in checked.split("/"):
        if len(re.findall(r"\{\w+\}|\*", level)) > _UNBOUNDED:
            raise ManifestError(
                f"{origin}: the level {level!r} of the folders has more than {_UNBOUNDED} names "
                f"in braces."
            )
    return checked


def check_patterns(patterns: Iterable[Any], origin: str) -> tuple[str, ...]:
    """Frame patterns that stay below the root and only put texts in.

    >>> check_patterns(["{subject}/{clip}"], "a.toml")
    ('{subject}/{clip}',)
    >>> check_patterns(["../{clip}"], "a.toml")
    Traceback (most recent call last):
    mebias.errors.ManifestError: a.toml: the frame pattern '../{clip}' leaves the data root; ...
    """
    checked = []
    if not isinstance(patterns, list | tuple):
        raise ManifestError(f"{origin}: patterns is {repr(patterns)[:60]}, expected a list.")
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise ManifestError(f"{origin}: the frame pattern {pattern!r} is no text.")
        if pattern.startswith("/") or "\\" in pattern or ".." in pattern.split("/"):
            raise ManifestError(
                f"{origin}: the frame pattern {pattern!r} leaves the data root; write it relative "
                f"to the root, with '/' and without '..'."
            )
        _refuse_formats(pattern, origin)
        checked.append(pattern)
    return tuple(checked)


def _refuse_formats(pattern: str, origin: str) -> None:
    """Only a name and a width: a format such as ``{clip:>999999999}`` is a bomb."""
    try:
        fields = list(Formatter().parse(pattern))
    except ValueError as error:
        raise ManifestError(f"{origin}: the frame pattern {pattern!r} has {error}.") from None
    for _, name, spec, conversion in fields:
        plain = not conversion and (not spec or _WIDTH.fullmatch(spec))
        if name is not None and not (plain and name.isidentifier()):
            raise ManifestError(
                f"{origin}: the frame pattern {pattern!r} has more than a name in braces; write "
                f"{{clip}}, or {{subject:0>2}} for two digits."
            )


def check_regex(pattern: Any, origin: str, *, whole: bool = False) -> str:
    """A regular expression with a group, and without what can take for ever.

    Refused are repeats within repeats, choices within repeats, references back, and more than
    two repeats, or three where the pattern begins with ``^`` or is for ``whole`` texts.

    >>> check_regex("^(.*)_[0-9]+$", "a.toml")
    '^(.*)_[0-9]+$'
    >>> check_regex("((a+)+)$", "a.toml")
    Traceback (most recent call last):
    mebias.errors.ManifestError: a.toml: the pattern '((a+)+)$' could take for ever; ...
    """
    if not isinstance(pattern, str) or len(pattern) > _PATTERN_LENGTH:
        raise ManifestError(
            f"{origin}: the pattern {str(pattern)[:60]!r} is no text of at most {_PATTERN_LENGTH} "
            f"characters."
        )
    try:
        groups = re.compile(pattern).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise ManifestError(f"{origin}: the pattern {pattern!r} is none ({error}).") from None
    if groups < 1:
        raise ManifestError(f"{origin}: the pattern {pattern!r} needs a group (...).")
    most = _UNBOUNDED + (whole or pattern.startswith("^"))
    if _can_explode(pattern, most):
        raise ManifestError(
            f"{origin}: the pattern {pattern!r} could take for ever; leave out repeats and choices "
            f"within repeats, references back, all but {most} of * and +, "
            f"and begin it with ^."
        )
    return pattern


def _can_explode(pattern: str, most: int) -> bool:
    inside = [False]  # per open group: does it repeat something, or choose?
    closed, unbounded = False, 0
    for token in _TOKEN.findall(pattern):
        was_closed, closed = closed, False
        if token.startswith("("):
            inside.append(False)
        elif token == ")" and len(inside) > 1:
            closed = inside.pop()
            inside[-1] = inside[-1] or closed
        elif token[0] in "|?":
            inside[-1] = True
        elif _repeats(token):
            unbounded += 1
            if was_closed or unbounded > most:
                return True
            inside[-1] = True
        elif len(token) == 2 and token[0] == "\\" and token[1].isdigit():
            return True
    return False


def _repeats(token: str) -> bool:
    """Whether a token repeats what is before it, more than once or twice."""
    if token[0] in "*+":
        return True
    if len(token) < 2 or token[0] != "{":
        return False
    numbers = token.rstrip("?+")[1:-1].split(",")
    return not numbers[-1] or int(numbers[-1]) > 2
