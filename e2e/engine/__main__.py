"""``python -m e2e.engine install`` or ``python -m e2e.engine model FOLDER``."""

import argparse
from pathlib import Path

from .install import install
from .model import tiny_model


def main() -> None:
    """Run one of the two commands and print the path that it made."""
    parser = argparse.ArgumentParser(prog="python -m e2e.engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install vLLM for the CPU into the user's cache folder")
    commands.add_parser("model", help="write the tiny model").add_argument("folder", type=Path)
    arguments = parser.parse_args()
    path = install() if arguments.command == "install" else tiny_model(arguments.folder)
    print(path)


if __name__ == "__main__":
    main()
