"""Pure: the engine's last words, short enough for a termination message and with the cause in them."""

import re

CAUSE = re.compile(
    r"^(?:\(.*?\) )?(?:ERROR [^\]]*\] )?"  # vLLM's log prefix: the process, then level, time and place
    r"(?:\S+: (?=error: ))?"  # an argument parser names the program
    r"((?:[\w.]*(?:Error|Exception)|error): .+)$"
    r"|^[\d.]+ E (?:\w+ +)?[\w()]+: ((?:error|invalid|couldn't|unable|failed to (?!load model)) .+)$",  # llama.cpp's
    re.MULTILINE,
)
"""The line that ends a traceback (``ValueError: …``) or an argument parser's complaint (``error: …``)."""

CAUSES = 3
ELLIPSIS = "…"


def last_words(output: str, most: int) -> str:
    """At most ``most`` characters: the last distinct causes in their order, then the end of the output.

    A start that fails ends in the server's traceback, which only says that a worker failed; the reason
    stands dozens of lines above.
    """
    causes = dict.fromkeys((found[1] or found[2]).strip() for found in CAUSE.finditer(output))
    summary = "\n".join(list(causes)[-CAUSES:])[-most:]
    space = most - len(summary) - len("\n") - len(ELLIPSIS)
    output = output.strip()
    if space <= 0 or output in summary:
        return summary or output[-most:]
    tail = output if len(output) <= space else ELLIPSIS + output[-space:]
    return f"{summary}\n{tail}" if summary else tail
