"""Works that a report rests on: which a text names, in words and for BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mebias.manifests import Manifest
from mebias.reporting.formats import joined
from mebias.reporting.latex import escape


@dataclass(frozen=True)
class Reference:
    """A work and the words of the methods that call for it.

    Attributes
    ----------
    key : str
        As BibTeX cites it.
    cues : tuple of str
        One of them in a text is enough.
    kind : str
        ``article`` or ``misc``.
    fields : tuple of (str, str)
        Author, title, journal, year and the like.
    """

    key: str
    cues: tuple[str, ...]
    kind: str
    fields: tuple[tuple[str, str], ...]

    def field(self, name: str) -> str:
        """One field, or nothing."""
        return dict(self.fields).get(name, "")

    @property
    def url(self) -> str:
        """Where the work is found."""
        if self.field("doi"):
            return f"https://doi.org/{self.field('doi')}"
        return f"https://arxiv.org/abs/{self.field('eprint')}" if self.field("eprint") else ""

    @property
    def text(self) -> str:
        """The work in a list of references."""
        if self.field("note"):
            return self.field("note")
        people = joined([_initials(name) for name in self.field("author").split(" and ")], "&")
        work = f"{people} ({self.field('year')}). {self.field('title')}."
        if self.field("eprint"):
            return f"{work} arXiv:{self.field('eprint')}."
        number = f"({self.field('number')})" if self.field("number") else ""
        pages = self.field("pages").replace("--", "–")
        return f"{work} {self.field('journal')}, {self.field('volume')}{number}, {pages}."


def _initials(name: str) -> str:
    """An author as lists of references have it.

    >>> _initials("Pustejovsky, James E."), _initials("Lin, Lawrence I-Kuei")
    ('Pustejovsky, J. E.', 'Lin, L. I.-K.')
    """
    family, _, given = name.partition(", ")
    short = ["-".join(f"{part[0]}." for part in word.split("-")) for word in given.split()]
    return f"{family}, {' '.join(short)}" if short else family


def _article(key: str, cues: tuple[str, ...], author: str, title: str, **more: str) -> Reference:
    fields = (("author", author), ("title", title), *more.items())
    return Reference(key, cues, "article", tuple((k, v) for k, v in fields if v))


WORKS: tuple[Reference, ...] = (
    Reference("gamdss", ("GAMDSS", "gamdss"), "misc", (
        ("author", "Liu, Feng and Nan, Bingyu and Qian, Xuezhong and Fu, Xiaolan"),
        ("title", "Evaluating and correcting human annotation bias in dynamic micro-expression "
                  "recognition"),
        ("year", "2026"), ("eprint", "2603.04766"), ("archiveprefix", "arXiv"),
    )),
    _article("pustejovsky2018", ("Pustejovsky & Tipton 2018", "CR2"),
             "Pustejovsky, James E. and Tipton, Elizabeth",
             "Small-sample methods for cluster-robust variance estimation and hypothesis testing "
             "in fixed effects models", journal="Journal of Business & Economic Statistics",
             year="2018", volume="36", number="4", pages="672--683",
             doi="10.1080/07350015.2016.1247004"),
    _article("tipton2015", ("HTZ",), "Tipton, Elizabeth and Pustejovsky, James E.",
             "Small-sample adjustments for tests of moderators and model fit using robust "
             "variance estimation in meta-regression",
             journal="Journal of Educational and Behavioral Statistics", year="2015", volume="40",
             number="6", pages="604--634", doi="10.3102/1076998615606099"),
    _article("chung2013", ("studentized permutation", "permutation of whole subjects"),
             "Chung, EunYi and Romano, Joseph P.",
             "Exact and asymptotically robust permutation tests",
             journal="The Annals of Statistics",
             year="2013", volume="41", number="2", pages="484--507", doi="10.1214/13-AOS1090"),
    _article("korn1998", ("Korn & Graubard 1998", "Korn-Graubard"),
             "Korn, Edward L. and Graubard, Barry I.",
             "Confidence intervals for proportions with small expected number of positive counts "
             "estimated from survey data", journal="Survey Methodology", year="1998", volume="24",
             number="2", pages="193--201"),
    _article("efron1987", ("BCa",), "Efron, Bradley", "Better bootstrap confidence intervals",
             journal="Journal of the American Statistical Association", year="1987", volume="82",
             number="397", pages="171--185", doi="10.1080/01621459.1987.10478410"),
    _article("zou2013", ("MOVER",), "Zou, Guang Yong",
             "Confidence interval estimation for the Bland-Altman limits of agreement with "
             "multiple observations per individual",
             journal="Statistical Methods in Medical Research", year="2013", volume="22",
             number="6", pages="630--642", doi="10.1177/0962280211402548"),
    _article("lin1989", ("(Lin)", "concordance correlation"), "Lin, Lawrence I-Kuei",
             "A concordance correlation coefficient to evaluate reproducibility",
             journal="Biometrics", year="1989", volume="45", number="1", pages="255--268",
             doi="10.2307/2532051"),
    _article("mcgraw1996", ("ICC(",), "McGraw, Kenneth O. and Wong, S. P.",
             "Forming inferences about some intraclass correlation coefficients",
             journal="Psychological Methods", year="1996", volume="1", number="1", pages="30--46",
             doi="10.1037/1082-989X.1.1.30"),
    _article("schuirmann1987", ("two one-sided",), "Schuirmann, Donald J.",
             "A comparison of the two one-sided tests procedure and the power approach for "
             "assessing the equivalence of average bioavailability",
             journal="Journal of Pharmacokinetics and Biopharmaceutics", year="1987", volume="15",
             number="6", pages="657--680", doi="10.1007/BF01068419"),
    _article("knapp2003", ("Knapp-Hartung",), "Knapp, Guido and Hartung, Joachim",
             "Improved tests for a random effects meta-regression with a single covariate",
             journal="Statistics in Medicine", year="2003", volume="22", number="17",
             pages="2693--2710", doi="10.1002/sim.1482"),
    _article("holm1979", ("Holm",), "Holm, Sture",
             "A simple sequentially rejective multiple test procedure",
             journal="Scandinavian Journal of Statistics", year="1979", volume="6", number="2",
             pages="65--70"),
)  # fmt: skip


def named_in(text: str) -> list[Reference]:
    """The works that a text calls for, in the order of the list.

    Examples
    --------
    >>> [work.key for work in named_in("adjusted after Holm; mid-rank BCa")]
    ['efron1987', 'holm1979']
    """
    return [work for work in WORKS if any(cue in text for cue in work.cues)]


def of_dataset(manifest: Manifest) -> Reference:
    """The citation that a dataset's authors ask for."""
    fields = [("title", f"{manifest.name} (dataset)"), ("note", manifest.citation)]
    if manifest.doi:
        fields.append(("doi", manifest.doi))
    return Reference(re.sub(r"[^a-z0-9]+", "", manifest.id), (), "misc", tuple(fields))


def bibtex(works: Iterable[Reference]) -> str:
    r"""Works as a BibTeX file.

    Examples
    --------
    >>> print(bibtex([w for w in WORKS if w.key == "holm1979"]), end="")
    @article{holm1979,
      author = {Holm, Sture},
      title = {{A simple sequentially rejective multiple test procedure}},
      journal = {Scandinavian Journal of Statistics},
      year = {1979},
      volume = {6},
      number = {2},
      pages = {65--70},
    }
    """
    return "\n".join(_entry(work) for work in works)


def _entry(work: Reference) -> str:
    lines = [f"@{work.kind}{{{work.key},"]
    for name, value in work.fields:
        text = value if name in ("doi", "eprint") else escape(value)
        # A second pair of braces keeps capitals of a title.
        kept = f"{{{text}}}" if name == "title" else text
        lines.append(f"  {name} = {{{kept}}},")
    return "\n".join([*lines, "}\n"])
