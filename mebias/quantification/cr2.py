"""CR2 for any design matrix: least squares on clips that come in subjects.

The bias-reduced cluster-robust covariance of Bell and McCaffrey (2002), with an independence
working model, Satterthwaite degrees of freedom for one contrast and the approximate
Hotelling test (HTZ) of Pustejovsky and Tipton (2018) for several at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from mebias.quantification.wald import Contrast

_RANK_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Fit:
    """A least-squares fit with what cluster-robust tests of it need.

    Attributes
    ----------
    coefficients : ndarray, shape (p,)
        Least-squares coefficients.
    covariance : ndarray, shape (p, p)
        Their CR2 covariance.
    bread : ndarray, shape (p, p)
        Inverse of X'X.
    adjusted : tuple of ndarray, each of shape (n_g, p)
        A_g X_g: design rows of each subject, adjusted.
    design : tuple of ndarray, each of shape (n_g, p)
        X_g.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    bread: np.ndarray
    adjusted: tuple[np.ndarray, ...]
    design: tuple[np.ndarray, ...]


def fit(design: np.ndarray, values: np.ndarray, subjects: np.ndarray) -> Fit:
    """Least squares with the CR2 covariance.

    Parameters
    ----------
    design : ndarray, shape (N, p)
        Of full column rank.
    values : ndarray, shape (N,)
        Finite outcomes.
    subjects : ndarray, shape (N,)
        Whose they are; two subjects or more.

    Raises
    ------
    ValueError
        A design that is not of full column rank.

    Examples
    --------
    >>> x = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    >>> found = fit(x, np.array([1.0, 2, 3, 4, 6, 8]), np.array(list("aabbcd")))
    >>> found.coefficients.round(3).tolist()
    [2.0, 4.0]
    """
    x, y = np.asarray(design, dtype=float), np.asarray(values, dtype=float)
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise ValueError("the design is not of full column rank")
    _, codes = np.unique(np.asarray(subjects).astype(str), return_inverse=True)
    # In terms of an orthonormal basis X'X is the identity, which keeps digits.
    q, r = np.linalg.qr(x)
    back = np.linalg.inv(r)
    coefficients = back @ (q.T @ y)
    residuals = y - x @ coefficients
    scores, adjusted, parts = [], [], []
    for g in range(codes.max() + 1):
        own = codes == g
        a = _inverse_root(np.eye(int(own.sum())) - q[own] @ q[own].T)
        adjusted.append(a @ x[own])
        parts.append(x[own])
        scores.append(q[own].T @ (a @ residuals[own]))
    root = back @ np.stack(scores, axis=1)
    return Fit(coefficients, root @ root.T, back @ back.T, tuple(adjusted), tuple(parts))


def contrast(fitted: Fit, weights: np.ndarray) -> Contrast:
    """A linear contrast of the coefficients, two-sided, with Satterthwaite degrees of freedom.

    Parameters
    ----------
    fitted : Fit
        A fit.
    weights : ndarray, shape (p,)
        The contrast.
    """
    weights = np.asarray(weights, dtype=float)
    estimate = float(weights @ fitted.coefficients)
    variance = float(weights @ fitted.covariance @ weights)
    projected = _projected(fitted, weights[None, :])[0, :, 0, :]
    df = float(np.trace(projected) ** 2 / (projected**2).sum())
    error = float(np.sqrt(variance))
    statistic = estimate / error
    return Contrast(estimate, error, statistic, df, float(2 * special.stdtr(df, -abs(statistic))))


def wald(fitted: Fit, constraints: np.ndarray) -> Contrast:
    """Whether several contrasts are all 0 (HTZ).

    Parameters
    ----------
    fitted : Fit
        A fit.
    constraints : ndarray, shape (q, p)
        Linearly independent contrasts.

    Returns
    -------
    Contrast
        ``statistic`` is F on q and ``df`` degrees of freedom; the estimate is NaN; the
        p-value is NaN where ``df`` is not above 0.
    """
    c = np.atleast_2d(np.asarray(constraints, dtype=float))
    q = len(c)
    projected = _projected(fitted, c)
    expected = np.einsum("sgtg->st", projected)
    whiten = _inverse_root(expected)
    white = np.einsum("ab,bgch,cd->agdh", whiten, projected, whiten)
    # Variance of an entry st of the whitened covariance, under independent normal errors.
    squares = np.einsum("sgsh,tgth->", white, white) + np.einsum("sgth,tgsh->", white, white)
    eta = q * (q + 1) / float(squares)
    value = c @ fitted.coefficients
    statistic = float(value @ np.linalg.solve(c @ fitted.covariance @ c.T, value))
    df = eta - q + 1
    f = df / (eta * q) * statistic
    p = float(special.fdtrc(q, df, f)) if df > 0 else float("nan")
    return Contrast(float("nan"), float("nan"), float(f), float(df), p)


def _projected(fitted: Fit, c: np.ndarray) -> np.ndarray:
    """Covariances of the contrasts' parts per subject under unit errors, (q, G, q, G).

    Part g of contrast s is ``u_sg' (I - H)_g y`` with ``u_sg = A_g X_g M c_s``.
    """
    to_design = fitted.bread @ c.T
    own = np.stack([a.T @ a for a in fitted.adjusted])
    cross = np.stack([x.T @ a for x, a in zip(fitted.design, fitted.adjusted, strict=True)])
    same = np.einsum("ps,gpk,kt->gst", to_design, own, to_design)
    through = np.einsum("gpk,ks->sgp", cross, to_design)
    joint = -np.einsum("sgp,pk,thk->sgth", through, fitted.bread, through)
    for g in range(len(own)):
        joint[:, g, :, g] += same[g]
    return np.asarray(joint)


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric inverse square root, 0 in directions that the fit uses up."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    keep = values > _RANK_TOLERANCE * max(1.0, float(values.max()))
    root = np.zeros_like(values)
    root[keep] = values[keep] ** -0.5
    return np.asarray((vectors * root) @ vectors.T)
