"""Several coders over the same events: detection, timing, components, culture.

`coders` is the way in. A planner of studies builds on `variance_components` (what the spread
is made of), `crossed_contrast` and `culture.scaled` (what more coders and subjects would do).
"""

from mebias.quantification.coding.coders import CoderFindings, coders
from mebias.quantification.coding.components import Codes, Components, variance_components
from mebias.quantification.coding.crossed import Crossed, crossed_contrast
from mebias.quantification.coding.study import Study, Values, matched

__all__ = [
    "CoderFindings",
    "Codes",
    "Components",
    "Crossed",
    "Study",
    "Values",
    "coders",
    "crossed_contrast",
    "matched",
    "variance_components",
]
