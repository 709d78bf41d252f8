"""engines/: the table, and that nothing beside it knows an engine's name."""

import ast
import re
from pathlib import Path

import pytest

from llmfleet.api.workload import EngineType
from llmfleet_runtime.argv import BadConfig, Platform, argv, environment
from llmfleet_runtime.config import EngineConfig, NamedValue
from llmfleet_runtime.engines.table import DEFAULT, ENGINES, engine

ROOT = Path(__file__).parents[3]
NAMES = sorted({word for each in ENGINES.values() for word in (each.name, each.title, each.installed.program) if word})
PACKAGES = [package for each in ENGINES.values() for package, _ in each.installed.distributions]
PREFIXES = sorted({each.measures.running[0].partition(":")[0] for each in ENGINES.values()})
KNOWN = re.compile(
    rf"^({'|'.join(map(re.escape, [*NAMES, *PACKAGES, *PREFIXES]))})$|^({'|'.join(PREFIXES)})[:.]", re.IGNORECASE
)
AT_HOME = ("runtime/llmfleet_runtime/engines/", "operator/llmfleet/api/workload.py")
"""The modules of the engines, and the words that users write."""
SOURCES = [
    path
    for folder in ("runtime/llmfleet_runtime", "operator/llmfleet")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not str(path.relative_to(ROOT)).startswith(AT_HOME)
]
PLATFORM = Platform("1.0+cpu", is_cpu_build=True, cpus=2)


def names_in(path):
    """Texts in a module's code that are an engine's name, its metrics or its program, and imports of its module."""
    tree = ast.parse(path.read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    imports = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules = tuple(f"engines.{each.name.lower()}" for each in ENGINES.values())
    return [text for text in texts if KNOWN.match(text)] + [
        each for each in imports if each.endswith(modules) or KNOWN.match(each)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_but_its_own_module_knows_an_engine_by_name(path):
    assert names_in(path) == []


@pytest.mark.parametrize("name", ["vllm", "engines/llamacpp", "engines/table"])
def test_the_search_finds_the_names_where_they_are(name):
    path = ROOT / "runtime/llmfleet_runtime" / (f"{name}.py" if "/" in name else f"engines/{name}.py")
    assert names_in(path)


def test_users_may_write_exactly_the_engines_of_the_table():
    assert {*map(str, EngineType)} <= set(ENGINES)
    assert DEFAULT in set(map(str, EngineType))


def test_an_engine_that_is_none_is_named_with_those_that_are():
    with pytest.raises(BadConfig, match="'TGI' is none of VLLM, LlamaCpp"):
        engine("TGI")


@pytest.mark.parametrize("each", ENGINES.values(), ids=ENGINES)
class TestEveryEngine:
    def test_says_what_a_load_report_cannot_do_without(self, each):
        measures = each.measures
        assert measures.running
        assert measures.waiting
        assert measures.generation_tokens

    def test_has_metrics_that_no_other_engine_has(self, each):
        own = {name for names in vars(each.measures).values() for name in names}
        others = {
            name
            for other in ENGINES.values()
            if other is not each
            for names in vars(other.measures).values()
            for name in names
        }
        assert own & others == set()

    def test_takes_each_of_its_free_arguments_once_and_no_other(self, each):
        def config(*args):
            return EngineConfig(engine=each.name, model="/m.gguf", served_names=("a",), args=args)

        for name in each.arguments:
            argv(config(NamedValue(name=name, value="true")), PLATFORM, None)
        with pytest.raises(BadConfig, match="'host' is not an engine argument"):
            argv(config(NamedValue(name="host", value="::")), PLATFORM, None)
        with pytest.raises(BadConfig, match="may stand once"):
            argv(config(*[NamedValue(name=each.arguments[0], value="true")] * 2), PLATFORM, None)

    def test_has_the_last_word_on_its_own_variables(self, each):
        config = EngineConfig(
            engine=each.name, model="/m.gguf", served_names=("a",), env=(NamedValue(name="TZ", value="UTC"),)
        )
        found = environment(config, PLATFORM)
        assert found["TZ"] == "UTC"
        assert each.fixed(config, PLATFORM).items() <= found.items()
