"""``llmfleet plan`` offline: what it reads, its exit codes, and its words when something is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from llmfleet.__main__ import main
from tests.builders import Raw, children, deployment, pod, ready, revision, with_spec

TWO = deployment(with_spec(replicas=2))
TOO_OLD = deployment(with_spec(quantization={"method": "FP8"}, accelerator={"products": ["Tesla-V100-SXM2-32GB"]}))


def file_of(raw: Raw) -> Raw:
    """The object as somebody keeps it in Git."""
    metadata = {name: raw["metadata"][name] for name in ("name", "namespace")}
    return {**raw, "metadata": metadata}


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A settled fleet as ``kubectl get -o yaml`` prints it."""
    pods = [pod(revision(TWO), ready(), name=f"qwen-{index}") for index in range(2)]
    path = tmp_path / "children.yaml"
    # by way of JSON, because the renderer's strings are no plain ones
    path.write_text(yaml.safe_dump({"kind": "List", "items": json.loads(json.dumps([TWO, *children(TWO, 2), *pods]))}))
    return path


def ran(*arguments: Any, given: Any = None) -> Result:
    text = given if isinstance(given, str) else yaml.safe_dump_all(given) if given else ""
    return CliRunner().invoke(main, ["plan", "-f", "-", *(str(each) for each in arguments)], input=text)


def test_nothing_to_do_is_exit_code_0(listed: Path) -> None:
    found = ran("--children", listed, given=[file_of(TWO)])
    assert (found.exit_code, found.output.splitlines()[0]) == (0, "team-a/qwen: nothing would change")


def test_something_to_do_is_exit_code_2(listed: Path) -> None:
    found = ran("--children", listed, given=[file_of(deployment(with_spec(replicas=3)))])
    assert found.exit_code == 2
    assert f"Deployment/qwen-{revision(TWO)}" in found.output
    assert "+  replicas: 3" in found.output


def test_without_children_everything_is_new() -> None:
    found = ran("--children", "-", given=[file_of(TWO)])
    assert found.exit_code == 2
    assert "Deployment/qwen-<revision>" in found.output


def test_children_alone_tell_the_uid(listed: Path, tmp_path: Path) -> None:
    """Then the revision is known, and the fleet is not taken for another one's."""
    kept = [each for each in yaml.safe_load(listed.read_text())["items"] if each["kind"] != "LLMDeployment"]
    (tmp_path / "kept.yaml").write_text(yaml.safe_dump_all(kept))
    assert "now, in this order" not in ran("--children", tmp_path / "kept.yaml", given=[file_of(TWO)]).output


def test_every_object_of_the_file_is_planned_and_other_kinds_are_passed_over() -> None:
    other = {**file_of(TWO), "metadata": {"name": "other"}}
    found = ran(
        "--children", "-", "-n", "team-b", "-o", "json", given=[{"kind": "Secret", "metadata": {}}, file_of(TWO), other]
    )
    assert [each["object"] for each in json.loads(found.output)] == ["team-a/qwen", "team-b/other"]


@pytest.mark.proves("S46")
@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        pytest.param(["--children", "-"], [{**file_of(TWO), "spec": {}}], "spec.model", id="no model"),
        pytest.param(["--children", "-"], [file_of(deployment(with_spec(replicas=-1)))], "spec.replicas", id="invalid"),
        pytest.param(["--children", "-"], [file_of(TOO_OLD)], "needs compute capability 7.5", id="too old a GPU"),
        pytest.param(
            ["--children", "-"], [{**file_of(TWO), "apiVersion": "v1"}], "needs apiVersion", id="another version"
        ),
        pytest.param(["--children", "-"], [{"kind": "Pod", "metadata": {}}], "has no LLMDeployment", id="another kind"),
        pytest.param(["--children", "-"], "a: [", "expected", id="no YAML"),
        pytest.param(["--children", "-"], "a: 1\nb: {c: 2, c: 3}", "the key 'c' stands twice", id="a key twice"),
        pytest.param(["--children", "-"], ["text"], "no Kubernetes object", id="no object"),
        pytest.param(["--children", "missing.yaml"], [file_of(TWO)], "missing.yaml", id="no such file"),
        pytest.param(["--bogus"], [file_of(TWO)], "No such option", id="wrong usage"),
        pytest.param(["-o", "xml"], [file_of(TWO)], "xml", id="wrong value"),
    ],
)
def test_what_is_wrong_is_said_with_exit_code_1(arguments: list[str], given: Any, words: str) -> None:
    found = ran(*arguments, given=given)
    assert found.exit_code == 1
    assert words in found.output


def test_a_bad_setting_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLEET_WORKERS", "none")
    found = ran("--children", "-", given=[file_of(TWO)])
    assert (found.exit_code, "workers" in found.output) == (1, True)


def test_the_settings_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLEET_IMAGE_NVIDIA", "registry.example/runtime:7")
    assert "registry.example/runtime:7" in ran("--children", "-", given=[file_of(TWO)]).output


@pytest.mark.parametrize(
    ("sources", "blocked"),
    [
        (None, ["MetricsSourceUnknown"]),
        ('[{"name": "other", "url": "http://prometheus:9090"}]', ["MetricsSourceUnknown"]),
        ('[{"name": "main", "url": "http://prometheus:9090"}]', []),
    ],
)
def test_a_metrics_source_that_the_operator_does_not_have_is_told_before_the_size_is_held(
    monkeypatch: pytest.MonkeyPatch, sources: str | None, blocked: list[str]
) -> None:
    if sources:
        monkeypatch.setenv("LLMFLEET_METRICS_SOURCES", sources)
    scaling = {"maxReplicas": 4, "metricsSourceName": "main", "targets": {"queueDepth": 4}}
    given = [file_of(deployment(with_spec(autoscaling=scaling)))]
    (found,) = json.loads(ran("--children", "-", "-o", "json", given=given).output)
    assert [each["reason"] for each in found["blocked"]] == blocked
    told = "metricsSourceName main is not among the operator's metricsSources"
    assert (told in ran("--children", "-", given=given).output) is bool(blocked)
