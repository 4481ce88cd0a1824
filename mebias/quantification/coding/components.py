"""REML variance components of codings: crossed factors, in subjects, unbalanced or not.

The model of a coded time is a sum of independent normal effects. Some lie within one subject
(the subject, its events, a coder's deviation for the subject or for the event), some span all
subjects (a coder, one pass of a coder). Events may be taken out altogether, by contrasts
within events: then nothing rests on where events lie, and only disagreement counts.

Given a residual and `local` effects the covariance is a block per subject, B; effects that
span subjects, and the mean, add a few columns U, so that P = B - Q Q' with as many columns.
Likelihood, scores and information follow from blocks and Q alone, which makes one step linear
in the number of subjects. Steps are those of average information (Gilmour, Thompson and
Cullis 1995, Biometrics 51:1440), halved until the likelihood rises, with variances kept at 0
where it falls there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

RESIDUAL = "residual"
_MAX_STEPS = 200
_TOLERANCE = 1e-11
_LEAST = 1e-9
"""Smallest residual variance, as a share of the variance of all values."""


@dataclass(frozen=True)
class Components:
    """Variance components with what their uncertainty needs.

    Attributes
    ----------
    names : tuple of str
        The factors, ``residual`` last.
    variance : ndarray, shape (K,)
        REML estimates, in squared units of the values; 0 at the boundary.
    covariance : ndarray, shape (K, K)
        Inverse of the expected REML information at the estimates.
    levels : ndarray, shape (K,)
        Degrees of freedom of each factor's levels, such as coders - 1.
    log_likelihood : float
        Restricted log-likelihood; of contrasts within events, where these were taken out.
    n : int
        Values behind it.
    converged : bool
        Whether the steps came to an end.
    """

    names: tuple[str, ...]
    variance: np.ndarray
    covariance: np.ndarray
    levels: np.ndarray
    log_likelihood: float
    n: int
    converged: bool

    def of(self, name: str) -> float:
        """One variance; 0 for a factor that the model does not have."""
        return float(self.variance[self.names.index(name)]) if name in self.names else 0.0

    @property
    def std_error(self) -> np.ndarray:
        """Standard errors of the variances, shape (K,)."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0)))

    def total(self, names: tuple[str, ...]) -> tuple[float, float]:
        """Sum of some variances, and its standard error."""
        pick = np.array([n in names for n in self.names], dtype=float)
        return float(pick @ self.variance), math.sqrt(max(float(pick @ self.covariance @ pick), 0))

    def interval(self, name: str, conf_level: float = 0.95) -> tuple[float, float]:
        """Interval of a variance: that of a mean square less what it holds of other noise.

        With f degrees of freedom of its levels and standard error s, the factor's mean square
        is E = s sqrt(f / 2) and the noise in it u = E - variance (never below 0). The bounds
        are those of a chi-squared E less u, and 0 where they fall below (Williams 1962,
        Biometrika 49:278). In balanced data without rival factors they are exact.
        """
        k = self.names.index(name)
        v, f = float(self.variance[k]), float(self.levels[k])
        square = max(float(self.std_error[k]) * math.sqrt(f / 2), v)
        low, high = chi_squared_bounds(square, f, conf_level)
        noise = square - v
        return max(low - noise, 0.0), max(high - noise, 0.0)

    def total_interval(
        self, names: tuple[str, ...], conf_level: float = 0.95
    ) -> tuple[float, float]:
        """Interval of a sum of variances.

        Those of effects within subjects are summed first, with Satterthwaite's degrees of
        freedom; a coder's own, which few coders tell, are added by recovering variances from
        their own intervals (MOVER), so that a wide one is not averaged away.
        """
        inside = tuple(n for n in names if n in self.names and n not in ACROSS)
        total = self.total(names)[0]
        v, error = self.total(inside)
        parts = [(self.of(n), *self.interval(n, conf_level)) for n in names if n in self.names
                 and n in ACROSS]  # fmt: skip
        if v > 0 and error > 0:
            parts.append((v, *chi_squared_bounds(v, 2 * (v / error) ** 2, conf_level)))
        if total <= 0:
            return math.nan, math.nan
        below = math.sqrt(sum((v - low) ** 2 for v, low, _ in parts))
        above = math.sqrt(sum((high - v) ** 2 for v, _, high in parts))
        return max(total - below, 0.0), total + above


def chi_squared_bounds(square: float, df: float, conf_level: float) -> tuple[float, float]:
    """Bounds of a variance whose estimate has df degrees of freedom.

    >>> low, high = chi_squared_bounds(1.0, 10.0, 0.95)
    >>> round(low, 3), round(high, 3)
    (0.488, 3.08)
    """
    tail = (1 - conf_level) / 2
    low, high = (2 * float(special.gammaincinv(df / 2, p)) for p in (1 - tail, tail))
    return square * df / low, (square * df / high if high > 0 else math.inf)


@dataclass(frozen=True)
class Codes:
    """Rows of a study by number: which subject, event, coder and pass, each (N,).

    Subjects, events and coders count from 0; a row's pass is any whole number.
    """

    subject: np.ndarray
    event: np.ndarray
    coder: np.ndarray
    passes: np.ndarray

    def rows(self, keep: np.ndarray) -> Codes:
        """Some of the rows, numbered anew from 0."""
        subject, event, coder = (
            np.unique(c[keep], return_inverse=True)[1]
            for c in (self.subject, self.event, self.coder)
        )
        return Codes(subject, event, coder, self.passes[keep])


LOCAL = ("subject", "event", "coder x subject", "coder x event")
ACROSS = ("coder", "coder x pass")


def factors(
    codes: Codes, *, within_events: bool
) -> tuple[dict[str, tuple[np.ndarray, int]], dict[str, str]]:
    """Which components these rows can tell apart, and why not the others.

    Parameters
    ----------
    codes : Codes
        The rows.
    within_events : bool
        Events are taken out: there is neither a subject nor an event component.

    Returns
    -------
    factors : dict
        Level of each row, and degrees of freedom of the levels, by name of the component.
    reasons : dict
        Why a component cannot be told apart, by name.

    Examples
    --------
    >>> one = np.array([0, 0, 1, 1])
    >>> codes = Codes(one, one, np.array([0, 1, 0, 1]), np.ones(4))
    >>> found, reasons = factors(codes, within_events=True)
    >>> list(found), reasons["coder x event"]
    (['coder'], 'no event was coded twice by one coder')
    """
    subject, event, coder = codes.subject, codes.event, codes.coder
    by_subject, by_event = _crossed(coder, subject), _crossed(coder, event)
    by_pass = _crossed(coder, codes.passes.astype(int))
    n = {name: len(np.unique(c)) for name, c in (
        ("subject", subject), ("event", event), ("coder", coder), ("cs", by_subject),
        ("ce", by_event), ("cp", by_pass))}  # fmt: skip
    levels = {
        "subject": (subject, n["subject"] - 1),
        "event": (event, n["event"] - n["subject"]),
        "coder": (coder, n["coder"] - 1),
        "coder x pass": (by_pass, n["cp"] - n["coder"]),
        "coder x subject": (by_subject, n["cs"] - n["coder"] - n["subject"] + 1),
        "coder x event": (by_event, n["ce"] - n["cs"] - n["event"] + n["subject"]),
    }
    reasons = {}
    if within_events:
        levels = {k: v for k, v in levels.items() if k not in ("subject", "event")}
    for name, (_, df) in list(levels.items()):
        reason = "" if df >= 1 else "too few levels to tell it from the others"
        if name == "coder x subject" and n["ce"] == n["cs"]:
            reason = "every subject has one event: it cannot be told from the residual"
        if name == "coder x event" and len(event) == n["ce"]:
            reason = "no event was coded twice by one coder"
        if name == "coder x pass" and df < 1:
            reason = "no coder has two passes"
        if reason:
            reasons[name] = reason
            del levels[name]
    return levels, reasons


def _crossed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Number of each pair of levels."""
    _, second = np.unique(second, return_inverse=True)
    return np.asarray(np.unique(first * (second.max() + 1) + second, return_inverse=True)[1])


def variance_components(values: np.ndarray, codes: Codes, *, within_events: bool) -> Components:
    """REML components of a coded time or length.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        Finite, not all equal.
    codes : Codes
        Subject, event (in one subject each), coder and pass of each value.
    within_events : bool
        Take events out: for keyframes, whose origin is arbitrary. Events with one coding
        then tell nothing.

    Returns
    -------
    Components
        Of ``coder``, ``coder x pass``, ``coder x subject``, ``coder x event`` (each where it
        can be told, see `factors`), for lengths ``subject`` and ``event`` too, and
        ``residual``: pass to pass, or with single codings coder x event and pass together.

    Raises
    ------
    ValueError
        Nothing varies, or there are no more values than effects.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> event, coder = np.divmod(np.arange(600), 3)
    >>> y = rng.normal(0, 90, 200)[event] + np.array([-5.0, 0.0, 5.0])[coder]
    >>> y = y + rng.normal(0, 10, 600)
    >>> codes = Codes(event // 5, event, coder, np.ones(600))
    >>> found = variance_components(y, codes, within_events=True)
    >>> found.names, 8 < found.of("residual") ** 0.5 < 12
    (('coder', 'coder x subject', 'residual'), True)
    """
    known, _ = factors(codes, within_events=within_events)
    model = _Model(np.asarray(values, dtype=float), codes, known, within_events)
    return model.fit()


class _Model:
    """One data set by subject: values, level columns of each factor, columns across."""

    def __init__(
        self,
        values: np.ndarray,
        codes: Codes,
        known: Mapping[str, tuple[np.ndarray, int]],
        within_events: bool,
    ) -> None:
        self.names = (*(n for n in ACROSS if n in known), *(n for n in LOCAL if n in known))
        self.n_across = sum(n in ACROSS for n in self.names)
        self.levels = np.array([known[n][1] for n in self.names], dtype=float)
        self.scale = float(np.std(_centered(values, codes.event) if within_events else values))
        if not self.scale > 0:
            raise ValueError("all values are equal")
        widths = [known[n][0].max() + 1 for n in self.names[: self.n_across]]
        self.slices = [slice(e - w, e) for w, e in zip(widths, np.cumsum(widths), strict=True)]
        order = np.lexsort((codes.event, codes.subject))
        y = (values - values.mean()) / self.scale
        self.y: list[np.ndarray] = []
        self.across: list[np.ndarray] = []
        self.local: list[list[np.ndarray]] = []
        self.kernels: list[list[np.ndarray]] = []
        for rows in np.split(order, np.flatnonzero(np.diff(codes.subject[order])) + 1):
            turn = _contrasts(codes.event[rows]) if within_events else np.eye(len(rows))
            if not len(turn):
                continue
            self.y.append(turn @ y[rows])
            wide = zip(self.names[: self.n_across], widths, strict=True)
            columns = [_indicator(known[n][0][rows], w) for n, w in wide]
            self.across.append(turn @ np.hstack(columns))
            own = [turn @ _indicator(known[n][0][rows]) for n in self.names[self.n_across :]]
            self.local.append(own)
            self.kernels.append([z @ z.T for z in own])
        self.mean = [np.zeros((len(v), 0)) if within_events else np.ones((len(v), 1))
                     for v in self.y]  # fmt: skip
        self.n_values = int(sum(len(v) for v in self.y))
        self.n_free = self.n_values - (0 if within_events else 1)
        if self.n_free <= len(self.names) + 1:
            raise ValueError("there are no more values than effects")

    def fit(self) -> Components:
        k = len(self.names) + 1
        theta = np.full(k, 1.0 / k)
        state = _State(self, theta)
        converged = False
        for _ in range(_MAX_STEPS):
            score, information = state.score(), state.average_information()
            held = (theta <= 0) & (score <= 0)
            free = ~held
            step = np.zeros(k)
            ridge = 1e-12 * np.trace(information) * np.eye(int(free.sum()))
            step[free] = linalg.solve(
                information[np.ix_(free, free)] + ridge, score[free], assume_a="sym"
            )
            following, moved = self._along(theta, step, state)
            if following is None:
                step = np.where(free, score * np.maximum(theta, 1e-3) ** 2, 0.0)
                following, moved = self._along(theta, step, state)
            if following is None:
                converged = bool(np.abs(score[free] * np.maximum(theta[free], 1e-6)).max() < 1e-5)
                break
            change = float(np.abs(moved - theta).max() / moved.max())
            theta, state = moved, following
            if change < _TOLERANCE:
                converged = True
                break
        covariance = np.linalg.pinv(state.expected_information())
        return Components(
            (*self.names, RESIDUAL),
            theta * self.scale**2,
            covariance * self.scale**4,
            np.r_[self.levels, max(1.0, 2 * (theta[-1] ** 2) / max(covariance[-1, -1], 1e-300))],
            state.log_likelihood - self.n_free * math.log(self.scale),
            self.n_values,
            converged,
        )

    def _along(
        self, theta: np.ndarray, step: np.ndarray, state: _State
    ) -> tuple[_State | None, np.ndarray]:
        """The longest of the halved steps that raises the likelihood."""
        size = 1.0
        for _ in range(40):
            moved = np.maximum(theta + size * step, 0.0)
            moved[-1] = max(moved[-1], _LEAST)
            following = _State(self, moved)
            if following.log_likelihood >= state.log_likelihood - 1e-13 * abs(state.log_likelihood):
                return following, moved
            size /= 2
        return None, theta


class _State:
    """Likelihood, score and information at given variances."""

    def __init__(self, model: _Model, theta: np.ndarray) -> None:
        self.model = model
        m, n_across = model, model.n_across
        roots = np.sqrt(np.concatenate(
            [np.full(s.stop - s.start, theta[k]) for k, s in enumerate(m.slices)]
            or [np.zeros(0)]))  # fmt: skip
        log_determinant = 0.0
        self.inverse, columns, inner = [], [], 0.0
        for kernels, across, y in zip(m.kernels, m.across, m.y, strict=True):
            block = theta[-1] * np.eye(len(y))
            for variance, kernel in zip(theta[n_across:-1], kernels, strict=True):
                block += variance * kernel
            root = linalg.cholesky(block, lower=True, check_finite=False)
            log_determinant += 2 * float(np.log(np.diag(root)).sum())
            inverse = linalg.cho_solve((root, True), np.eye(len(y)), check_finite=False)
            self.inverse.append(inverse)
            scaled = across * roots
            columns.append(inverse @ scaled)
            inner = inner + scaled.T @ columns[-1]
        q = _orthogonal(columns, np.eye(len(roots)) + inner)
        log_determinant += _log_det(np.eye(len(roots)) + inner)
        if m.mean[0].shape[1]:
            solved = [
                b @ x - own @ sum(o.T @ z for o, z in zip(q, m.mean, strict=True))
                for b, x, own in zip(self.inverse, m.mean, q, strict=True)
            ]
            gram = sum(x.T @ v for x, v in zip(m.mean, solved, strict=True))
            log_determinant += _log_det(gram)
            q = [np.hstack(pair) for pair in zip(q, _orthogonal(solved, gram), strict=True)]
        self.q = q
        self.py = self.project(m.y)
        fit = sum(float(y @ p) for y, p in zip(m.y, self.py, strict=True))
        self.log_likelihood = -0.5 * (m.n_free * math.log(2 * math.pi) + log_determinant + fit)

    def project(self, vectors: list[np.ndarray]) -> list[np.ndarray]:
        """P v of a vector that is given by subject."""
        along = sum(q.T @ v for q, v in zip(self.q, vectors, strict=True))
        return [b @ v - q @ along for b, v, q in zip(self.inverse, vectors, self.q, strict=True)]

    def score(self) -> np.ndarray:
        """Derivatives of the log-likelihood with respect to the variances."""
        m, found = self.model, []
        through = sum(u.T @ q for u, q in zip(m.across, self.q, strict=True))
        to_across = sum(u.T @ p for u, p in zip(m.across, self.py, strict=True))
        inside = sum(
            np.einsum("ic,ij,jc->c", u, b, u) for u, b in zip(m.across, self.inverse, strict=True)
        )
        for s in m.slices:
            trace = float(inside[s].sum() - (through[s] ** 2).sum())
            found.append(float((to_across[s] ** 2).sum()) - trace)
        for k in range(len(m.names) - m.n_across):
            squares = trace = 0.0
            for own, kernels, b, q, p in zip(
                m.local, m.kernels, self.inverse, self.q, self.py, strict=True
            ):
                squares += float(((own[k].T @ p) ** 2).sum())
                trace += float((b * kernels[k]).sum() - ((own[k].T @ q) ** 2).sum())
            found.append(squares - trace)
        trace = sum(
            float(np.trace(b) - (q**2).sum()) for b, q in zip(self.inverse, self.q, strict=True)
        )
        found.append(sum(float(p @ p) for p in self.py) - trace)
        return 0.5 * np.array(found)

    def average_information(self) -> np.ndarray:
        m = self.model
        to_across = sum(u.T @ p for u, p in zip(m.across, self.py, strict=True))
        vectors = [[u[:, s] @ to_across[s] for u in m.across] for s in m.slices]
        for k in range(len(m.names) - m.n_across):
            vectors.append([ker[k] @ p for ker, p in zip(m.kernels, self.py, strict=True)])
        vectors.append(self.py)
        stacked = np.array([np.concatenate(v) for v in vectors])
        projected = np.array([np.concatenate(self.project(v)) for v in vectors])
        return np.asarray(0.5 * stacked @ projected.T)

    def expected_information(self) -> np.ndarray:
        """Half of the squared norms of Z_k' P Z_l, from blocks and the columns across."""
        m = self.model
        n_local = len(m.names) - m.n_across + 1
        local = [[*own, np.eye(len(y))] for own, y in zip(m.local, m.y, strict=True)]
        g = [[z.T @ q for z in own] for own, q in zip(local, self.q, strict=True)]
        gram = [sum(of[k].T @ of[k] for of in g) for k in range(n_local)]
        h = sum(u.T @ q for u, q in zip(m.across, self.q, strict=True))
        k = len(m.names) + 1
        found = np.zeros((k, k))
        middle = sum(u.T @ b @ u for u, b in zip(m.across, self.inverse, strict=True)) - h @ h.T
        for i, s in enumerate(m.slices):
            for j, t in enumerate(m.slices):
                found[i, j] = float((middle[s, t] ** 2).sum())
        for own, b, u, of in zip(local, self.inverse, m.across, g, strict=True):
            solved = [b @ z for z in own]
            for i in range(n_local):
                mixed = u.T @ solved[i] - h @ of[i].T
                for a, s in enumerate(m.slices):
                    found[a, m.n_across + i] += float((mixed[s] ** 2).sum())
                for j in range(i, n_local):
                    block = own[i].T @ solved[j]
                    found[m.n_across + i, m.n_across + j] += float(
                        (block**2).sum() - 2 * (of[i] * (block @ of[j])).sum()
                    )
        for i in range(n_local):
            for j in range(i, n_local):
                found[m.n_across + i, m.n_across + j] += float((gram[i] * gram[j]).sum())
        upper = np.triu(found)
        return np.asarray(0.5 * (upper + np.triu(upper, 1).T))


def _orthogonal(columns: list[np.ndarray], gram: np.ndarray) -> list[np.ndarray]:
    """Columns times the inverse root of their Gram matrix, so that Q Q' = C G^-1 C'."""
    if not len(gram):
        return columns
    root = linalg.cholesky(gram, lower=True, check_finite=False)
    return [linalg.solve_triangular(root, c.T, lower=True, check_finite=False).T for c in columns]


def _log_det(matrix: np.ndarray) -> float:
    return float(np.linalg.slogdet(matrix)[1]) if len(matrix) else 0.0


def _indicator(codes: np.ndarray, width: int | None = None) -> np.ndarray:
    """One column per level."""
    if width is None:
        _, codes = np.unique(codes, return_inverse=True)
        width = int(codes.max()) + 1
    return np.asarray(np.arange(width)[None, :] == codes[:, None], dtype=float)


def _contrasts(events: np.ndarray) -> np.ndarray:
    """Orthonormal contrasts within events, shape (rows - events, rows); rows sorted by event."""
    n = len(events)
    sizes = np.diff(np.r_[np.flatnonzero(np.r_[True, np.diff(events) != 0]), n])
    found, start = np.zeros((n - len(sizes), n)), 0
    row = 0
    for size in sizes.tolist():
        for k in range(1, size):
            found[row, start : start + k] = -1 / math.sqrt(k * (k + 1))
            found[row, start + k] = k / math.sqrt(k * (k + 1))
            row += 1
        start += size
    return found


def _centered(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Values less the mean of their group."""
    return np.asarray(values - (np.bincount(groups, values) / np.bincount(groups))[groups])
