"""``python -m e2e.engine install``, ``model FOLDER`` or, with the engine's own python, ``quantized MODEL FOLDER``."""

import argparse
from pathlib import Path

from .install import install
from .model import tiny_model


def main() -> None:
    """Run one of the commands and print the path that it made."""
    parser = argparse.ArgumentParser(prog="python -m e2e.engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install vLLM for the CPU into the user's cache folder")
    commands.add_parser("model", help="write the tiny model").add_argument("folder", type=Path)
    quantized = commands.add_parser("quantized", help="write a model in every quantized format, a folder for each")
    quantized.add_argument("model", type=Path)
    quantized.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "quantized":
        from .quantized import FORMATS, quantized_model  # noqa: PLC0415 because it needs the engine's numpy

        for name in FORMATS:
            print(quantized_model(arguments.model, arguments.folder / name, name))
    else:
        print(install() if arguments.command == "install" else tiny_model(arguments.folder))


if __name__ == "__main__":
    main()
