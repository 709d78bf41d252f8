"""What is said when the engine that should judge is not there, or does not serve.

That it serves and judges is proved by tests/engine/test_quantize.py.
"""

import sys

import pytest

from llmfleet_runtime.argv import Platform
from llmfleet_runtime.quantizing.engine import Engine, NotServed, engine, observe
from llmfleet_runtime.quantizing.evaluation import Shown

SHOWN = Shown([[1, 2, 3]], [[1]], 2)
DYING = """#!{python}
import sys
print("Traceback (most recent call last):")
print("ValueError: Failed to find a kernel that can implement the NVFP4 linear layer")
sys.exit(1)
"""


def test_a_python_that_is_not_there_is_said():
    with pytest.raises(NotServed, match="/nowhere cannot be run: No such file or directory"):
        engine("/nowhere")


def test_a_python_without_an_engine_is_said():
    with pytest.raises(NotServed, match="holds no vLLM that its python3 can find"):
        engine(sys.executable)


def test_a_checkpoint_that_is_not_served_is_said_in_the_engines_words(tmp_path):
    python = tmp_path / "python"
    python.write_text(DYING.format(python=sys.executable))
    python.chmod(0o755)
    steps = []
    with pytest.raises(NotServed, match="did not serve it: ValueError: Failed to find a kernel"):
        observe(Engine(str(python), Platform("0.32.0")), tmp_path, SHOWN, lambda *step: steps.append(step))
    assert steps == [("starting the engine", 0, 0)]


def test_an_engine_is_named_with_its_version_and_build():
    assert Engine("python", Platform("0.32.0+cpu")).name == "vLLM 0.32.0+cpu"
