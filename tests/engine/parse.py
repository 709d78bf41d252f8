"""Runs in the engine's environment: what vLLM's own parser makes of our arguments.

Reads {"allowed": [names], "lines": [argv]} from standard input and writes {"kinds": {name: "flag" or
"value" or null}, "refused": [name], "parsed": [members or null]}.
"""

import argparse
import contextlib
import io
import json
import sys

CANDIDATES = ("1", "0.5", "auto", "{}", "x", "8,16")


def parser():
    from vllm.entrypoints.launchers.cli_args import make_arg_parser  # noqa: PLC0415 because it takes ten seconds
    from vllm.utils.argparse_utils import FlexibleArgumentParser  # noqa: PLC0415 because it is only there in the engine's environment

    return make_arg_parser(FlexibleArgumentParser())


def parse(line):
    """The namespace as a dictionary of texts, or None when vLLM refuses the line."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return {name: repr(value) for name, value in vars(vllm.parse_args(line)).items()}
    except (SystemExit, ValueError, argparse.ArgumentError):
        return None


def kind(action):
    if action is None:
        return None
    return "flag" if isinstance(action, argparse.BooleanOptionalAction | argparse._StoreTrueAction) else "value"


def takes(name, action):
    """Whether some value, or both forms of a flag, is accepted."""
    if kind(action) == "flag":
        return all(parse([form]) is not None for form in (f"--{name}", f"--no-{name}"))
    values = [value for value in action.choices or CANDIDATES if value is not None]
    return any(parse([f"--{name}={value}"]) is not None for value in values)


if __name__ == "__main__":
    vllm = parser()
    asked = json.load(sys.stdin)
    options = {name: vllm._option_string_actions.get(f"--{name}") for name in asked["allowed"]}
    answer = {
        "kinds": {name: kind(action) for name, action in options.items()},
        "refused": [name for name, action in options.items() if action is not None and not takes(name, action)],
        "parsed": [parse(line) for line in asked["lines"]],
    }
    sys.stdout.write("\nANSWER " + json.dumps(answer) + "\n")
