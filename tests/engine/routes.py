"""Runs in the engine's environment: every route that vLLM's server can have, with all that can be switched on.

Writes [[path, [methods]], …]; a websocket has no method.
"""

import json
import os
import sys
from typing import get_args
from unittest.mock import MagicMock

SWITCHES = ("VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_RUNTIME_LORA_UPDATING")
OPTIONS = ("--model=m", "--enable-server-load-tracking", "--enable-tokenizer-info-endpoint", "--enable-lora")


def table():
    os.environ.update(dict.fromkeys(SWITCHES, "1"))
    from vllm.entrypoints.launchers.app import build_app  # noqa: PLC0415 because it takes ten seconds
    from vllm.entrypoints.launchers.cli_args import make_arg_parser  # noqa: PLC0415 because of the same
    from vllm.tasks import SupportedTask  # noqa: PLC0415 because of the same
    from vllm.utils.argparse_utils import FlexibleArgumentParser  # noqa: PLC0415 because of the same

    tasks = tuple(task for group in get_args(SupportedTask) for task in (get_args(group) or (group,)))
    # A model that can do everything; only the routes ask it what.
    model = MagicMock(**{"get_pooling_task.return_value": "embed"})
    app = build_app(make_arg_parser(FlexibleArgumentParser()).parse_args(OPTIONS), tasks, model)
    return sorted((each.path, sorted(getattr(each, "methods", None) or ())) for each in app.routes)


if __name__ == "__main__":
    sys.stdout.write("\nANSWER " + json.dumps(table()) + "\n")
