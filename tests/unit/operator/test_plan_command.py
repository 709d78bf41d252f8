"""``llmfleet plan`` offline: what it reads, its exit codes, and its words when something is wrong."""

import json
import sys
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
        pytest.param(
            ["--children", "-"], [{**file_of(TWO), "metadata": {"name": 5}}], "a text as metadata.name", id="a number"
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


MODEL = TWO["spec"]["model"]


@pytest.mark.proves("R33")
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param(
            {"autoscaling": {"minReplicas": 5, "maxReplicas": 2, "targets": {"queueDepth": 4}}},
            "spec.autoscaling: Invalid value: minReplicas must not exceed maxReplicas",
            id="a rule between fields",
        ),
        pytest.param(
            {"model": {**MODEL, "uri": "ftp://host/key"}},
            'spec.model.uri: Invalid value: "ftp://host/key": must be hf://ORG/NAME, s3://',
            id="a rule of one field",
        ),
        pytest.param(
            {"model": {**MODEL, "cache": {"type": "Ephemeral"}}},
            "spec.model.cache: Invalid value: ephemeral and type Ephemeral go together",
            id="a union without its member",
        ),
        pytest.param(
            {"engine": {"args": [{"name": "trust-remote-code"}]}},
            'spec.engine.args[0].name: Invalid value: "trust-remote-code": not an allowed engine option',
            id="an option not allowed",
        ),
        pytest.param(
            {"resources": {"requests": {"memory": 16}}},
            "spec.resources.requests.memory: Invalid value: 16: must be at least 256Mi",
            id="a number without unit",
        ),
        pytest.param(
            {"engine": {"args": ["trust-remote-code"]}},
            'spec.engine.args[0]: Invalid value: "trust-remote-code": must be of type object',
            id="a text for an object",
        ),
        pytest.param(
            {"lifecycle": {"drainTimeoutSeconds": 3601}},
            "spec.lifecycle.drainTimeoutSeconds: Invalid value: 3601: should be less than or equal to 3600",
            id="out of range",
        ),
        pytest.param({"service": {"prot": 80}}, 'unknown field "spec.service.prot"', id="a misspelt field"),
        pytest.param(
            {"quantization": {"method": "AWQ", "source": "OnTheFly"}},
            "can be made OnTheFly; set source to Checkpoint; given: AWQ",
            id="a message with the value",
        ),
    ],
)
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "edited"])
def test_what_the_server_would_refuse_is_refused_offline_in_its_words(
    listed: Path, spec: Raw, words: str, *, is_new: bool
) -> None:
    given = [file_of(TWO), {**file_of(TWO), "spec": {**TWO["spec"], **spec}}]
    found = ran("--children", "-" if is_new else listed, given=given)
    assert (found.exit_code, "Next: correct the file" in found.output) == (1, True)
    assert words in found.output
    assert "would change" not in found.output


def test_a_change_of_size_that_the_rule_of_transition_refuses_is_refused_offline(tmp_path: Path) -> None:
    scaled = {"autoscaling": {"maxReplicas": 4, "targets": {"queueDepth": 4}}}
    (tmp_path / "now.yaml").write_text(yaml.safe_dump(deployment(with_spec(**scaled))))
    found = ran("--children", tmp_path / "now.yaml", given=[file_of(deployment(with_spec(replicas=7, **scaled)))])
    assert (found.exit_code, "replicas is ignored while autoscaling is set" in found.output) == (1, True)


def test_nulls_and_what_the_schema_forbids_now_but_the_object_had_are_planned(tmp_path: Path) -> None:
    """As on the server: a null counts as unset, and what does not change is not judged again."""
    odd = deployment(with_spec(replicas=2, engine={"args": [{"name": "trust-remote-code"}]}))
    (tmp_path / "now.yaml").write_text(yaml.safe_dump(odd))
    grown = {**file_of(odd), "spec": {**odd["spec"], "replicas": 3, "access": None}}
    found = ran("--children", tmp_path / "now.yaml", given=[grown])
    assert (found.exit_code, "+  replicas: 3" in found.output) == (2, True)


def test_without_the_library_that_judges_rules_nothing_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llmfleet.core.judge", None)
    found = ran("--children", "-", given=[file_of(TWO)])
    assert (found.exit_code, "pip install 'llmfleet[plan]'" in found.output) == (1, True)


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
