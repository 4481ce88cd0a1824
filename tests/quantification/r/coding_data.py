"""The data sets on which R computed the references of coders: coding_data.csv, SIMULATED.

Run in the repository: python tests/quantification/r/coding_data.py
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def study(name, rng, *, coders, subjects, events, passes=0.0, coded=1.0, skip_one_coder=False):
    """Rows of one study; events are numbered over all subjects."""
    rows = []
    sizes = events(rng, subjects)
    bias, by_subject = rng.normal(0, 6, coders), rng.normal(0, 4, (subjects, coders))
    by_pass, of_subject = rng.normal(0, 2, (coders, 2)), rng.normal(0, 15, subjects)
    event = 0
    for s in range(subjects):
        for _ in range(sizes[s]):
            level = rng.normal(180, 40) + of_subject[s]
            by_event = rng.normal(0, 6, coders)
            chosen = np.flatnonzero(rng.random(coders) < coded)
            for c in chosen if len(chosen) >= 2 else range(2):
                again = rng.random() < passes and not (skip_one_coder and c == 0)
                for p in range(2 if again else 1):
                    y = level + bias[c] + by_subject[s, c] + by_event[c] + by_pass[c, p]
                    y = round(float(y + rng.normal(0, 8)), 3)
                    rows.append((name, f"s{s:02d}", f"e{event:03d}", f"c{c}", p + 1, y))
            event += 1
    return rows


def main():
    rng = np.random.default_rng(20)
    skewed = lambda rng, n: 1 + rng.poisson(rng.lognormal(0.8, 0.7, n))  # noqa: E731
    equal = lambda rng, n: np.full(n, 5)  # noqa: E731
    rows = [
        *study("balanced", rng, coders=3, subjects=12, events=equal, passes=1.0),
        *study("two coders", rng, coders=2, subjects=15, events=skewed),
        *study("unbalanced", rng, coders=4, subjects=14, events=skewed, coded=0.6),
        *study("missing passes", rng, coders=3, subjects=14, events=skewed, passes=0.4,
               coded=0.8, skip_one_coder=True),
    ]  # fmt: skip
    columns = ["study", "subject", "event", "coder", "pass", "y"]
    pd.DataFrame(rows, columns=columns).to_csv(HERE / "coding_data.csv", index=False)


if __name__ == "__main__":
    main()
