"""The words of the report, each in a sentence."""

from __future__ import annotations

TERMS: tuple[tuple[str, str], ...] = (
    ("onset, apex, offset", "The keyframes of an expression: the frame where it begins, the frame "
     "of its largest extent, the frame where it ends. How they are defined differs between labs."),
    ("shift", "Selected frame minus human frame, in frames or in ms at the clip's own frame rate. "
     "Positive means later. A shift says that two choices differ, not which of them is wrong."),
    ("rule", "The way keyframes are re-selected. gamdss takes the pair of frames with the largest "
     "difference inside its windows, then the offset; gamdss-released lets the apex move "
     "earlier only, as the released program does."),
    ("distance", "How two frames are compared: signed takes pixel differences as they are, uint8 "
     "wraps negative ones around at 256, as the released program does."),
    ("window", "The frames among which a rule chooses. For gamdss it reaches from the human onset "
     "later, around the human apex, and from the human offset earlier, each by a tenth of the "
     "neighboring phase."),
    ("freedom", "The number of frames by which the window lets a keyframe move. With 0 the "
     "keyframe is immovable: it stays where the human put it, whatever the pixels say."),
    ("at edge", "The selected frame is the first or last frame of a window that has freedom. Many "
     "such clips mean that the window, not the motion, decided."),
    ("random frame", "A frame drawn uniformly from the same windows (the uniform null). Its mean "
     "shift is what windows alone produce, without any information from the pixels."),
    ("estimate and interval", "The best value and the range that is compatible with the data at "
     "the stated level, taking the subject as the sampling unit."),
    ("weighting", "subject: the mean over subjects of a subject's expected shift; clip: the mean "
     "over clips; subject-mean: the plain mean of subjects' means."),
    ("lead frames", "Frames on disk before the human onset; tail frames: after the human offset. "
     "Without them an earlier onset or a later offset cannot show."),
    ("family, adjusted p-value", "Hypotheses tested together, fixed in advance, and the p-value "
     "after Holm's adjustment for their number."),
    ("margin", "The difference that would matter in practice, fixed in advance. A claim is "
     "supported where its whole interval lies beyond the margin, and not supported "
     "where it lies inside."),
    ("blind posterior", "What the rule motion-blind says of a keyframe from the movement alone, "
     "without the human label: a mean frame with its SD. It judges labels; it is no truth."),
    ("coders' SD", "How far human labels spread around the movement, in ms, after the posterior's "
     "own uncertainty is taken out."),
    ("noisy labels", "The unbiased null: what the rule would do to labels whose errors have the "
     "coders' spread and mean 0. Only what lies beyond it speaks for a bias."),
    ("CR2", "A cluster-robust standard error with a small-sample correction; subjects are the "
     "clusters."),
    ("outcome", "Of a planted difference: found or missed. Where none was planted: no false alarm "
     "(quiet in planted.csv) or false alarm. A contrast counts as found where its adjusted "
     "p-value is below 0.05 and its sign is right."),
    ("specification", "One way to do the analysis among those that could be defended: rule, "
     "distance, which clips, how tails and subjects are weighted."),
    ("power", "The probability that this design finds an effect of a given size."),
    ("UF1, UAR", "Scores of a recognizer that count every class alike: the mean of the classes' "
     "F1, and the mean of their recalls (the share of a class that is recognized)."),
    ("arm", "What the training keyframes come from: human labels, the rule gamdss, or jitter, "
     "frames drawn at random from the same windows. Test clips keep their human labels, unless "
     "@both or @test in the arm's name says otherwise."),
    ("equivalent", "The whole interval lies within the margin, in a design that would have "
     "found the margin with 80 % power: no difference that matters."),
    ("CCC, ICC", "Agreement of two measurements, from 0 to 1: the concordance correlation, and "
     "the share of variance that is not between the two."),
    ("permutation p-value", "The share of re-assignments of whole subjects to groups that give a "
     "contrast at least as large as the one observed."),
)  # fmt: skip

VERSION_TERMS: tuple[tuple[str, str], ...] = (
    ("revised", "The two versions of the labels name different frames. A row that was not revised "
     "may never have been looked at again: not revised does not mean agreed."),
    ("shift", "New frame minus old frame, in frames or in ms. Positive means that the revision "
     "moved the keyframe later."),
    ("transition", "What an expression was called in the old version and in the new one."),
    ("unevenness", "How much revisions concentrate on some subjects: the intraclass correlation "
     "of being revised, 0 for evenly spread, 1 for all or none of a subject's clips."),
    ("estimate and interval", "The best value and the range that is compatible with the data at "
     "the stated level, taking the subject as the sampling unit."),
)  # fmt: skip

SPOKEN: dict[str, str] = {
    "shift": "mean shifts?|shifts?",
    "freedom": "(?<!degrees of )freedom",
    "at edge": "at edge",
    "window": "windows?",
    "random frame": "random frames?|frame drawn at random",
    "weighting": "weighting",
    "family, adjusted p-value": "p, adjusted|adjusted p|Holm's adjustment|family",
    "CR2": "p, CR2|CR2",
    "permutation p-value": "p, permutation|permutations?",
    "margin": "margins?(?: of practical relevance)?",
    "blind posterior": "posterior|motion-blind",
    "coders' SD": "coders' SDs?",
    "noisy labels": "noisy labels",
    "lead frames": "lead (?:and tail )?frames|cut at the (?:onset|offset)",
    "estimate and interval": "intervals?",
    "outcome": "outcome",
    "specification": "specifications?",
    "power": "power",
    "UF1, UAR": "UF1|UAR",
    "arm": "arms?|jitter",
    "equivalent": "equivalent|p, equivalence|makes no difference that matters",
    "CCC, ICC": r"CCC|ICC\(A,1\)",
    "unevenness": "unevenness|intraclass correlation",
    "transition": "transitions?",
    "revised": "revised",
}
"""How terms stand in sentences and heads of the page, as regular expressions."""
