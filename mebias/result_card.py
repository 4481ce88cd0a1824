"""How a result shows itself in Jupyter."""

from __future__ import annotations

import html

import pandas as pd

from mebias import tables


def result_card(
    title: str, table: pd.DataFrame, issues: pd.DataFrame, *, simulated: bool, digits: int = 2
) -> str:
    """A headline table, and below it what must be read before it.

    Parameters
    ----------
    title : str
        What the table shows.
    table : DataFrame
        The headline rows; columns that begin with ``n_`` are counts.
    issues : DataFrame
        Of which warnings and errors are told.
    simulated : bool
        Whether SIMULATED stands on top.
    digits : int
        Decimals of what is no count.

    Returns
    -------
    str
        HTML.
    """
    counts = {name: "{:.0f}".format for name in table if str(name).startswith("n_")}
    shown = table.to_html(
        index=False, border=0, formatters=counts, float_format=f"{{:.{digits}f}}".format, na_rep="–"
    )
    problems = issues.loc[issues["severity"] != "note", "message"]
    items = "".join(f"<li>{html.escape(message)}</li>" for message in problems)
    mark = f"<p><b>{tables.SIMULATED}</b></p>" if simulated else ""
    return f"{mark}<p>{html.escape(title)}</p>{shown}{f'<ul>{items}</ul>' if items else ''}"
