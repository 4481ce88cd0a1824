"""What tests of all parts have in common."""

import pytest

from mebias.reporting import figure_style


@pytest.fixture
def svg_only(monkeypatch):
    """Figures as SVG alone, where a whole report is written and its figures are not looked at."""
    monkeypatch.setattr(figure_style, "FORMATS", {"svg": figure_style.FORMATS["svg"]})
