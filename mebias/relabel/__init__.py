"""A second look at the labels that are worth one, blind to what they are.

The room is callable: ``mebias.relabel(cohort)`` is `mebias.relabel.packet.relabel`.
"""

import sys
from types import ModuleType
from typing import Any

from mebias.relabel.back import read_key
from mebias.relabel.compared import SecondLook, second_look
from mebias.relabel.packet import Packet, relabel

__all__ = ["Packet", "SecondLook", "read_key", "relabel", "second_look"]


class _Room(ModuleType):
    """A module that makes a packet when it is called."""

    def __call__(self, *args: Any, **options: Any) -> Packet:
        return relabel(*args, **options)


sys.modules[__name__].__class__ = _Room
