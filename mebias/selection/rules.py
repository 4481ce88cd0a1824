"""Rules: where candidates lie, and which of them is taken.

A rule is a small frozen object: windows around the human keyframes, which pairs of onset and
apex are candidates, and what is picked. A user's own rule is one function
``(onset, apex, offset) -> Windows``, named after the function; it picks the largest
differences.

Widths are ``int(lam * phase)`` in floating point, truncated, as the released program computes
them: 0.29 of 100 frames is 28.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Literal, Protocol

from mebias.errors import OptionError, suggest
from mebias.schemas import KEYFRAMES
from mebias.selection.motion.rules import MOTION, MOTION_BLIND
from mebias.selection.motion.templates import parse_definition

Pick = Literal["largest", "return", "least", "random"]


@dataclass(frozen=True)
class Windows:
    """Candidate frames of one clip, inclusive bounds."""

    onset: tuple[int, int]
    apex: tuple[int, int]
    offset: tuple[int, int]

    def of(self, keyframe: str) -> tuple[int, int]:
        """Bounds of one keyframe's window."""
        bounds: tuple[int, int] = getattr(self, keyframe)
        return bounds


WindowFunction = Callable[[int, int, int], Windows]


class Rule(Protocol):
    """What selection asks of a rule; the attributes beyond these two are optional.

    ``pick`` says what is taken: ``largest`` differences; ``return``, where the offset is the
    frame most like the selected onset; ``least`` differences; or ``random`` frames.
    ``whole_clip`` is True where windows are the clip's own frames, and onset < apex < offset
    holds between candidates. ``is_candidate(human, onset, apex)`` leaves pairs out.
    """

    @property
    def name(self) -> str:
        """The name that stands in the ``source`` column."""
        ...

    def windows(self, onset: int, apex: int, offset: int) -> Windows:
        """Candidate windows around the human keyframes."""
        ...


def _check_share(lam: float) -> None:
    if not 0 <= lam <= 1:
        raise OptionError(f"lam is {lam}; expected a share of the phase from 0 to 1.")


@dataclass(frozen=True)
class Gamdss:
    """The GAMDSS rule: largest differences in windows that scale with the phases.

    With rise ``r = apex - onset`` and fall ``q = offset - apex``, ``w_r = int(lam r)`` and
    ``w_f = int(lam q)``: onset window ``[O, O + w_r]``, apex window ``[A - w_r, A + w_r]``
    (released program: ``[A - w_r, A]``), offset window ``[F - w_f, F]``.

    Parameters
    ----------
    name : str
        Source name in the tables.
    lam : float
        Window width as a share of the phase, 0 to 1.
    later_apex : bool
        Whether the apex may move later (the paper's figure) or only earlier (released).
    symmetric : bool
        Whether onset and offset may move both ways.
    pick : {"largest", "return", "least", "random"}
        What is taken; see `Rule`.

    References
    ----------
    arXiv 2603.04766.

    Examples
    --------
    >>> Gamdss("gamdss").windows(100, 130, 170)
    Windows(onset=(100, 103), apex=(127, 133), offset=(166, 170))
    """

    name: str
    lam: float = 0.1
    later_apex: bool = True
    symmetric: bool = False
    pick: Pick = "largest"

    def __post_init__(self) -> None:
        _check_share(self.lam)

    def windows(self, onset: int, apex: int, offset: int) -> Windows:
        """Candidate windows around the human keyframes."""
        rise = int(self.lam * (apex - onset))
        fall = int(self.lam * (offset - apex))
        both_rise, both_fall = (rise, fall) if self.symmetric else (0, 0)
        return Windows(
            onset=(onset - both_rise, onset + rise),
            apex=(apex - rise, apex + rise if self.later_apex else apex),
            offset=(offset - fall, offset + both_fall),
        )


@dataclass(frozen=True)
class LaterApex:
    """Released variants in which the offset stays and the apex moves later by a share of the fall.

    Parameters
    ----------
    name : str
        Source name in the tables.
    lam : float
        Share of the fall by which the apex may move later.
    onset_lam : float
        Share of the rise by which the onset may move later; 0 keeps it.
    exclusive : bool
        Whether the human onset with a later apex is no candidate.

    Examples
    --------
    >>> LaterApex("gamdss-later-apex", lam=0.52).windows(0, 10, 35)
    Windows(onset=(0, 0), apex=(10, 23), offset=(35, 35))
    """

    name: str
    lam: float
    onset_lam: float = 0.0
    exclusive: bool = False
    pick: Pick = "largest"

    def __post_init__(self) -> None:
        _check_share(self.lam)
        _check_share(self.onset_lam)

    def windows(self, onset: int, apex: int, offset: int) -> Windows:
        """Candidate windows around the human keyframes."""
        return Windows(
            onset=(onset, onset + int(self.onset_lam * (apex - onset))),
            apex=(apex, apex + int(self.lam * (offset - apex))),
            offset=(offset, offset),
        )

    def is_candidate(self, human: tuple[int, int, int], onset: int, apex: int) -> bool:
        """Whether a pair may be chosen."""
        return not (self.exclusive and onset == human[0] and apex > human[1])


@dataclass(frozen=True)
class Narrow:
    """The predecessor's rule: a narrow window, the offset fixed.

    Examples
    --------
    >>> Narrow("gamdss-narrow").windows(0, 80, 120)
    Windows(onset=(0, 3), apex=(77, 80), offset=(120, 120))
    """

    name: str
    lam: float = 0.15 / 4
    pick: Pick = "largest"

    def __post_init__(self) -> None:
        _check_share(self.lam)

    def windows(self, onset: int, apex: int, offset: int) -> Windows:
        """Candidate windows around the human keyframes."""
        width = int(self.lam * (apex - onset))
        return Windows((onset, onset + width), (apex - width, apex), (offset, offset))


@dataclass(frozen=True)
class WholeClip:
    """The "global" of the name taken literally: onset < apex < offset anywhere in the clip."""

    name: str = "gamdss-global"
    pick: Pick = "largest"
    whole_clip: bool = True

    def windows(self, onset: int, apex: int, offset: int) -> Windows:
        """The human interval; selection widens it to the frames on disk."""
        return Windows((onset, offset), (onset, offset), (onset, offset))


@dataclass(frozen=True)
class OwnRule:
    """A user's function as a rule."""

    name: str
    function: WindowFunction
    pick: Pick = "largest"

    def windows(self, onset: int, apex: int, offset: int) -> Windows:
        """What the function says."""
        return self.function(onset, apex, offset)


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Gamdss("gamdss"),
        Gamdss("gamdss-released", later_apex=False),
        LaterApex("gamdss-later-apex", lam=0.52),
        LaterApex("gamdss-wide", lam=0.48, onset_lam=0.32, exclusive=True),
        Narrow("gamdss-narrow"),
        Gamdss("gamdss-return", pick="return"),
        Gamdss("gamdss-symmetric", symmetric=True),
        WholeClip(),
        Gamdss("jitter", pick="random"),
        Gamdss("least", pick="least"),
    )
}
"""Every published rule, three of ours (return, symmetric, global) and two control arms."""


LOCATORS: dict[str, Rule] = {"motion": MOTION, "motion-blind": MOTION_BLIND}  # type: ignore[dict-item]
"""Rules without windows, which locate keyframes by a model of the movement."""


def get_rules(
    rules: str | Rule | WindowFunction | Sequence[str | Rule | WindowFunction],
) -> tuple[Rule, ...]:
    """Rules by name, object or function.

    A name may be followed by another share, ``gamdss:0.2``, or, for ``motion`` and
    ``motion-blind``, by another definition of the keyframes, ``motion:onset=0.1,offset=0.2``
    (see `mebias.selection.motion.Definition`). ``motion:coder=40`` tells ``motion`` that labels
    err with an SD of 40 ms at each keyframe, instead of 12, 12 and 22 ms, ``motion:coder=60-40-80``
    with 60, 40 and 80 ms at onset, apex and offset. The whole then stands in the ``source`` column.

    Raises
    ------
    OptionError
        No rule of that name (the message lists the known ones), a share that is none, or
        two rules of one name.

    Examples
    --------
    >>> get_rules("gamdss")[0].windows(0, 100, 200).apex
    (90, 110)
    >>> get_rules("gamdss:0.2")[0].windows(0, 100, 200).apex
    (80, 120)
    >>> get_rules("motion:coder=40")[0].coder_sd_ms
    (40.0, 40.0, 40.0)
    >>> get_rules("motion:coder=60-40-80")[0].coder_sd_ms
    (60.0, 40.0, 80.0)
    """
    several = rules if isinstance(rules, list | tuple) else [rules]
    found = tuple(_get_rule(rule) for rule in several)
    names = [rule.name for rule in found]
    if not names:
        raise OptionError("no rule was given; expected one or more, such as gamdss.")
    for name in names:
        if names.count(name) > 1:
            raise OptionError(
                f"two rules have the name {name!r}, which tells their rows apart; leave one out, "
                f"or give it another name."
            )
    return found


def check_windows(rule: Rule, human: tuple[int, int, int], clip: str) -> None:
    """Refuse a rule that fails for a clip, or whose windows are none.

    Parameters
    ----------
    rule : Rule
        With windows.
    human : tuple of int
        Onset, apex and offset, in order.
    clip : str
        For messages.

    Raises
    ------
    OptionError
        The rule raises an error, or returns anything but bounds in order, whole numbers.

    Examples
    --------
    >>> check_windows(RULES["gamdss"], (0, 100, 200), "s1/c1")
    """
    labels = f"clip {clip} (onset {human[0]}, apex {human[1]}, offset {human[2]})"
    try:
        windows = rule.windows(*human)
    except Exception as error:  # whatever a rule of the user's own may do
        raise OptionError(
            f"rule {rule.name} raised {type(error).__name__} ({error}) for {labels}; expected "
            f"windows for every clip whose keyframes are in order: mend the rule."
        ) from error
    for keyframe in KEYFRAMES:
        bounds = getattr(windows, keyframe, None)
        if not _are_bounds(bounds):
            shown = repr(windows) if bounds is None else repr(bounds)
            raise OptionError(
                f"rule {rule.name} returned {shown} as the window of the {keyframe} of {labels}; "
                f"expected Windows with (first frame, last frame) of each keyframe, whole numbers, "
                f"the first not above the last: mend the rule."
            )


def _are_bounds(bounds: object) -> bool:
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        return False
    low, high = bounds
    return isinstance(low, Integral) and isinstance(high, Integral) and int(low) <= int(high)


def _get_rule(rule: object) -> Rule:
    if isinstance(rule, str):
        return _named(rule)
    if hasattr(rule, "windows") or hasattr(rule, "locate"):
        return rule  # type: ignore[return-value]
    if callable(rule):
        return OwnRule(str(getattr(rule, "__name__", "own")), rule)
    raise OptionError(
        f"{rule!r} is no rule: expected a name, an object with a name and windows, or a function "
        f"of onset, apex and offset."
    )


def _named(text: str) -> Rule:
    if text in LOCATORS:
        return LOCATORS[text]
    name, colon, share = text.partition(":")
    if name in LOCATORS:
        return _located_as(text, LOCATORS[name], share)
    if name not in RULES:
        names = [*RULES, *LOCATORS]
        raise OptionError(
            f"unknown rule {text!r}: known are {', '.join(names)}{suggest(name, names)}"
        )
    rule = RULES[name]
    if not colon:
        return rule
    try:
        lam = float(share)
    except ValueError:
        lam = -1.0
    if not isinstance(rule, Gamdss | LaterApex | Narrow) or not 0 <= lam <= 1:
        raise OptionError(
            f"rule {text!r}: expected a share of the phase from 0 to 1 after the colon, such as "
            f"gamdss:0.2, for a rule that has one."
        )
    return replace(rule, name=text, lam=lam)


def _located_as(text: str, rule: Rule, given: str) -> Rule:
    """A rule of the posterior with another definition, or another spread of the labels."""
    coders = [part for part in given.split(",") if part.partition("=")[0].strip() == "coder"]
    others = [part for part in given.split(",") if part not in coders]
    changes: dict[str, object] = {"name": text}
    if others:
        changes["definition"] = parse_definition(",".join(others))
    if coders:
        sd_ms = _spread_ms(coders[-1].partition("=")[2])
        if getattr(rule, "blind", True) or len(coders) > 1 or sd_ms is None:
            raise OptionError(
                f"rule {text!r}: coder is how far labels are expected to err, once, as an SD in ms "
                f"from 1 to 1000, or three of them (onset-apex-offset), for motion alone, such as "
                f"motion:coder=40 or motion:coder=60-40-80."
            )
        changes["coder_sd_ms"] = sd_ms
    return replace(rule, **changes)  # type: ignore[type-var]


def _spread_ms(text: str) -> tuple[float, ...] | None:
    """SDs of onset, apex and offset; None where these are none."""
    try:
        given = [float(part) for part in text.split("-")]
    except ValueError:
        return None
    if len(given) not in (1, 3) or not all(1 <= sd <= 1000 for sd in given):
        return None
    return tuple(given) if len(given) == 3 else (given[0],) * 3


def pick_of(rule: Rule) -> Pick:
    """What a rule picks; ``largest`` where it does not say."""
    pick: Pick = getattr(rule, "pick", "largest")
    return pick
