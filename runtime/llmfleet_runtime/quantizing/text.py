"""Pure: the text that calibrates and the text that is evaluated on, which must not be the same."""

from collections.abc import Sequence

EVALUATED = 0.1
"""The share at the end that nothing is calibrated on."""


def default_text() -> str:
    """The manual of the language that every Python carries: 700 kB of English."""
    from pydoc_data.topics import topics  # noqa: PLC0415 because only who brings no text of his own needs it

    return "\n\n".join(topics[name] for name in sorted(topics))


def parts(text: str) -> tuple[str, str]:
    """What to calibrate with, and what to evaluate on; the cut is at the end of a line."""
    cut = text.rfind("\n", 0, int(len(text) * (1 - EVALUATED))) + 1
    return text[:cut], text[cut:]


def windows(tokens: Sequence[int], length: int, most: int, begin: Sequence[int] = ()) -> list[list[int]]:
    """At most ``most`` whole windows of ``length`` tokens, spread over the text; ``begin`` stands in front of each."""
    kept = length - len(begin)
    count = min(most, len(tokens) // kept)
    stride = len(tokens) / count if count else 0
    starts = (int(number * stride) for number in range(count))
    return [[*begin, *tokens[start : start + kept]] for start in starts]
