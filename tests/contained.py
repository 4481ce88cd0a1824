"""Run something in a child that has 1 GiB of memory and 5 seconds, and say how it ended."""

import os
import resource
import signal
import sys
import time
import traceback
import warnings

from mebias.errors import MebiasError

MEMORY = 2**30
SECONDS = 5.0
"""Of the processor's time: other people share it."""


def contained(function, *arguments, memory=MEMORY, seconds=SECONDS, **options):
    """How a call ended: ``done``, or the sentence of a mebias error.

    Anything else (another exception, a hang, too much memory, a crash) fails the test.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # later Pythons warn of threads
        child = os.fork()
    if child == 0:
        os.close(reading)
        _in_child(writing, function, arguments, options, memory, seconds)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read().decode("utf-8", "replace")
    _, status, used = os.wait4(child, 0)
    assert told, f"no answer (ended with {os.waitstatus_to_exitcode(status)})"
    kind, _, text = told.partition("\n")
    assert kind in {"done", "mebias"}, told
    assert used.ru_utime + used.ru_stime < seconds, f"{used.ru_utime + used.ru_stime:.1f} s"
    assert "\n" not in text, text
    return text or kind


def _in_child(writing, function, arguments, options, memory, seconds):
    told = "nothing\n"
    try:
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(int(12 * seconds))  # a wait for ever takes no processor time
        # What is mapped already, untouched by the child, does not count.
        with open("/proc/self/statm", encoding="ascii") as file:
            mapped = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + memory, mapped + memory))
        start = time.process_time()
        function(*arguments, **options)
        told = "done\n" if time.process_time() - start < seconds else "slow\n"
    except MebiasError as error:
        told = f"mebias\n{error}"
    except BaseException:
        told = f"other\n{traceback.format_exc()}"
    finally:
        os.write(writing, told.encode("utf-8", "backslashreplace")[:60_000])
        os._exit(0)


def _too_long(*_):
    raise TimeoutError("it hangs")
