"""The operator's process as one that holds thousands of fleets: its garbage collector and its open files."""

import contextlib
import ctypes
import gc
import resource

YOUNG, YOUNG_AGAIN, OLD = 20_000, 20, 100
"""Objects made, and collections of the generation before, until each of the collector's three generations is looked at.

Nearly nothing here is let go of in a cycle. With Python's own numbers a third of the cost of a thousand fleets is the
collector's, which looks at what is remembered of them again and again.
"""
MOST_FILES = 65_536


def prepare() -> None:
    """Call once everything is imported and nothing runs yet."""
    gc.freeze()  # what is imported stays: the collector need not look at it again and again
    gc.set_threshold(YOUNG, YOUNG_AGAIN, OLD)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def connections() -> int:
    """Of how many connections may be kept open: half of the files, the rest is for what comes and goes."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_FILES // 2 if soft == resource.RLIM_INFINITY else min(MOST_FILES, soft) // 2


def trim() -> None:
    """Give the kernel back what has become free between what is held: ``malloc_trim`` of glibc; elsewhere nothing.

    Objects are held as texts, and each edit replaces some by longer or shorter ones: a thousand edits leave a third of
    the heap in such holes.
    """
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
