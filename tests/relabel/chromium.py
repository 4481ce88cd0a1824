"""A Chromium that waits until the labeling page shows its first frame."""

from chromium import BROWSER
from chromium import Chromium as _Chromium

__all__ = ["BROWSER", "Chromium"]


class Chromium(_Chromium):
    def open(self, path, **options):
        super().open(path, **options)
        self.wait("!!document.getElementById('film') && document.getElementById('film').width > 0")
