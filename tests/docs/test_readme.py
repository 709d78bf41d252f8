"""README's commands are the project's tasks."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import click
import yaml
from click.testing import CliRunner

from llmfleet.__main__ import main
from llmfleet.api.autoscaling import Autoscaling
from llmfleet.commands.quantize import quantize
from llmfleet.core.explain.story import story
from llmfleet.core.judge import judge
from llmfleet.core.scaling.bounds import bounds
from llmfleet.reference import root_schema
from tests.builders import deployment, with_spec
from tests.engine.hub import hub
from tests.unit.operator.test_story import account
from tests.unit.runtime.inspection.written import safetensors

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
TASKS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poe"]["tasks"]


def commands(prefix: str) -> set[str]:
    """The words that follow the prefix in code blocks and code spans."""
    code = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", README, re.DOTALL)
    text = "\n".join(block or span for block, span in code)
    return set(re.findall(rf"(?:^|\s){re.escape(prefix)} ([a-z][a-z-]*)", text, re.MULTILINE))


def test_the_two_commands_of_the_readme_are_there() -> None:
    assert {"demo", "test"} <= commands("python3 e2e")


def test_every_command_of_the_readme_is_a_task() -> None:
    assert commands("python3 e2e") | commands("poe") <= set(TASKS)


def test_every_task_says_in_a_line_what_it_does() -> None:
    helpless = [name for name, task in TASKS.items() if not name.startswith("_") and not task.get("help")]
    assert helpless == []


def test_the_commands_that_quantize_are_as_the_command_takes_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^llmfleet quantize (.*?)\s*(?:#.*)?$", README, re.MULTILINE)
    parsed = [quantize.make_context("quantize", line.split()).params for line in lines]
    assert [each["methods"] for each in parsed] == [("FP8", "GPTQ")]


def test_the_page_on_fitting_shows_what_the_command_says(tmp_path, monkeypatch):
    entry = json.loads((ROOT / "tests/unit/operator/fit/public_models.json").read_text())["meta-llama/Llama-3.1-8B"]
    folder = tmp_path / "Llama-3.1-8B"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(entry["config"]))
    published = shutil.copytree(folder, tmp_path / "published")
    (published / "model.safetensors").write_bytes(safetensors({"model.embed_tokens.weight": ("BF16", (8, 4))}))
    monkeypatch.chdir(tmp_path)
    lines, told = re.findall(r"^llmfleet (fit .*?)\s*(?:#.*)?$", README, re.MULTILINE), []
    with hub({"meta-llama/Llama-3.1-8B": published}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        for line in lines:
            found = CliRunner().invoke(main, line.split())
            assert found.exit_code in (0, 2), found.output
            told.append(" ".join(found.output.split()))
    (shown,) = re.findall(r"```\n(does not fit\?.*?)```", README, re.DOTALL)
    assert len(lines) == 3
    for line in shown.splitlines():
        assert " ".join(line.split()) in told[1]


def test_every_command_of_llmfleet_in_the_readme_is_one() -> None:
    named = set(re.findall(r"(?:^|[|`] ?)llmfleet ([a-z]+)", README, re.MULTILINE))
    assert {"plan", "wake"} <= named <= {*main.list_commands(click.Context(main))}


def test_the_pieces_of_autoscaling_in_the_readme_are_legal() -> None:
    pieces = re.findall(r"```yaml\n(  autoscaling:.*?)```", README, re.DOTALL)
    schedules = re.findall(r"```yaml\n(    schedules:.*?)```", README, re.DOTALL)
    assert (len(pieces), len(schedules)) == (1, 1)
    told = yaml.safe_load(pieces[0] + schedules[0])["autoscaling"]
    raw = deployment(with_spec(autoscaling=told))
    assert judge(root_schema(), raw) == []
    assert bounds(Autoscaling.model_validate(told), "2026-11-20T12:00:00Z").trouble == ""


def test_what_the_readme_tells_of_a_decision_is_what_the_command_tells() -> None:
    (shown,) = re.findall(r"```\n(Now: .*?)```", README, re.DOTALL)
    assert shown in story(account(), 3600)


def test_what_the_readme_asks_the_operator_is_refused_only_for_want_of_a_cluster(monkeypatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    lines = re.findall(r"^llmfleet ((?:wake|explain) .*?)\s*(?:#.*)?$", README, re.MULTILINE)
    assert len(lines) == 6
    for line in lines:
        assert "no cluster" in CliRunner().invoke(main, line.split()).output


def test_what_the_readme_plans_offline_is_planned_and_a_bad_file_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = re.findall(r"^llmfleet (plan .*--children .*?)\s*(?:#.*)?$", README, re.MULTILINE)
    Path("now.yaml").write_text("{kind: List, items: []}")
    for scaling, code in (({"minReplicas": 1}, 2), ({"minReplicas": 5}, 1)):
        raw = deployment(with_spec(autoscaling={"maxReplicas": 2, "targets": {"queueDepth": 4}, **scaling}))
        Path("qwen.yaml").write_text(yaml.safe_dump(raw))
        assert CliRunner().invoke(main, line.split()).exit_code == code
