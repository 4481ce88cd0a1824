"""The command line: ``python -m mebias COMMAND``.

Heavy imports stand inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from mebias.cli.parser import COMMANDS, make_parser
from mebias.errors import MebiasError, SimulatedDataWarning, suggest
from mebias.locking import released
from mebias.text_cells import visible

__all__ = ["COMMANDS", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 when done, 2 for a mistake that the user can mend, 1 for one of ours.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        word = arguments[0]
        known = ", ".join(COMMANDS)
        parser.error(f"unknown command {word!r}: known are {known}{suggest(word, COMMANDS)}")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        options.parser.refuse(unknown)
    try:
        with warnings.catch_warnings(), released():
            _show_warnings_plainly()
            run: Callable[[argparse.Namespace], None] = options.run
            run(options)
    except MebiasError as error:
        return _fail(str(error), 2, options.debug)
    except BrokenPipeError:
        # The reader of a pipe, such as head, has seen enough; nothing went wrong.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until exit)
        return 0
    except OSError as error:
        where = Path(error.filename).name if error.filename else "a file"
        return _fail(
            f"{where} could not be read or written: {error.strerror or error}; free space or "
            f"check permissions, then run again.",
            2,
            options.debug,
        )
    except MemoryError:
        return _fail(
            "out of memory; use fewer workers (--jobs), smaller frames (--boxes, --crop), or a "
            "machine with more memory.",
            2,
            options.debug,
        )
    except ModuleNotFoundError as error:
        if (error.name or "mebias").startswith("mebias"):
            return _ours(error, options.debug)
        return _fail(
            f"this needs the package {error.name}, which is not installed; pip install mebias "
            f"brings it, and python -m mebias doctor says what else is missing.",
            2,
            options.debug,
        )
    except KeyboardInterrupt:
        return _fail("stopped; nothing half-written was left.", 130, False)
    except Exception as error:  # the last resort: no traceback at a user without --debug
        return _ours(error, options.debug)
    return 0


def _ours(error: Exception, debug: bool) -> int:
    return _fail(
        f"a mistake of ours ({type(error).__name__}: {error}); please report it with the "
        f"output of the same command and --debug.",
        1,
        debug,
    )


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        raise  # called from an except block: shows its traceback
    print(f"mebias: error: {visible(message)}", file=sys.stderr)
    return code


def _show_warnings_plainly() -> None:
    def show(message: Warning | str, *_: object, **__: object) -> None:
        print(f"mebias: {visible(str(message))}", file=sys.stderr)

    warnings.simplefilter("always", SimulatedDataWarning)
    warnings.showwarning = show
