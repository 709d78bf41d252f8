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


def windows(tokens: Sequence[int], length: int, most: int) -> list[list[int]]:
    """At most ``most`` whole windows of ``length`` tokens, spread over all of them; one after the other if few."""
    count = min(most, len(tokens) // length)
    stride = len(tokens) / count if count else 0
    return [list(tokens[int(number * stride) : int(number * stride) + length]) for number in range(count)]
