"""The chart: what it renders, what it refuses, and that it asks for no more rights than needed."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel
from syrupy.assertion import SnapshotAssertion

from e2e.cluster import Cluster, ClusterError
from llmfleet.generate import SET_BY_THE_CHART
from llmfleet.monitoring.alerts import ALERTS
from llmfleet.names import pod_labels
from llmfleet.settings import Settings
from tests.golden.chart.conftest import CHART, Render, template

pytestmark = pytest.mark.cluster
CRD = yaml.safe_load((CHART.parents[1] / "crds" / "llmdeployments.yaml").read_text(encoding="utf-8"))
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "namespaced": {"watchNamespaces": ["team-a", "team-b"]},
    "two_replicas": {"replicaCount": 2},
    "policed": {
        "watchNamespaces": ["team-a"],
        "admissionPolicy": {"enabled": True, "validationActions": ["Warn", "Audit"], "serviceAccounts": ["models"]},
    },
    "configured": {
        "image": {"repository": "registry.example.org/operator", "tag": "1", "pullPolicy": "Never"},
        "imagePullSecrets": [{"name": "pull"}],
        "runtime": {"images": {"nvidia": "registry.example.org/runtime:1"}},
        "settings": {
            "logLevel": "DEBUG",
            "endpointLagSeconds": 2.5,
            "healthPort": 9090,
            "gpuHourPrices": {"NVIDIA-L40S": 1.1, "*": 2},
            "metricsSources": [
                {
                    "name": "main",
                    "url": "https://prometheus.monitoring:9090",
                    "bearerTokenFile": "/etc/llmfleet/metrics/prometheus/token",
                }
            ],
        },
        "metricsSecrets": ["prometheus"],
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "system-cluster-critical",
    },
}


def only(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The one object of a kind."""
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def rules(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every rule of every role."""
    return [rule for each in objects if each["kind"] in ("Role", "ClusterRole") for rule in each["rules"]]


def environment(objects: list[dict[str, Any]]) -> dict[str, str]:
    """The plain variables of the operator's container."""
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def test_helm_finds_nothing_to_complain_about(cluster: Cluster) -> None:
    assert "0 chart(s) failed" in cluster.helm("lint", "--strict", str(CHART))


@pytest.mark.parametrize("variant", VARIANTS)
def test_rendered_objects_are_as_kept(render: Render, snapshot: SnapshotAssertion, variant: str) -> None:
    objects = render({"crds": {"install": False}} | VARIANTS[variant])
    assert yaml.safe_dump_all(objects, sort_keys=False, width=110) == snapshot


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_server_takes_every_object_under_restricted_pod_security(
    cluster: Cluster, tmp_path: Path, variant: str
) -> None:
    enforced = {"pod-security.kubernetes.io/warn": "restricted"}
    spaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": enforced}}
        for name in ("llmfleet-system", "team-a", "team-b")
    ]
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(spaces))
    manifests = template(cluster, VARIANTS[variant], tmp_path)
    cluster.kubectl("apply", "--dry-run=server", "--warnings-as-errors", "-f", "-", input=manifests)


def test_the_crd_is_the_generated_one_and_kept_on_uninstall(render: Render) -> None:
    made = only(render({}), "CustomResourceDefinition")
    assert made["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert made == CRD


def test_the_crd_can_go_with_the_chart(render: Render) -> None:
    assert only(render({"crds": {"keep": False}}), "CustomResourceDefinition") == CRD


def test_the_crd_can_be_left_to_someone_else(render: Render) -> None:
    kinds = [each["kind"] for each in render({"crds": {"install": False}})]
    assert "CustomResourceDefinition" not in kinds


@pytest.mark.proves("R66")
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_role_names_secrets_or_a_wildcard(render: Render, variant: str) -> None:
    words = [word for rule in rules(render(VARIANTS[variant])) for member in rule.values() for word in member]
    assert not {"*", "secrets", "pods/exec", "escalate", "bind", "impersonate"} & set(words)


@pytest.mark.proves("R67")
def test_a_namespaced_install_has_nothing_cluster_wide_but_the_crd(render: Render) -> None:
    objects = render(VARIANTS["namespaced"])
    assert {each["kind"] for each in objects if "namespace" not in each["metadata"]} == {"CustomResourceDefinition"}
    assert environment(objects)["LLMFLEET_WATCH_NAMESPACES"] == "team-a,team-b"


def test_every_setting_arrives_as_the_variable_that_the_operator_reads(
    render: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {name: value for name, value in Settings().model_dump().items() if name not in SET_BY_THE_CHART}
    variables = environment(render({"settings": {to_camel(name): value for name, value in defaults.items()}}))
    assert {f"LLMFLEET_{name.upper()}" for name in defaults} <= set(variables)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings() == Settings.model_validate(defaults)


MONITORED = {"monitoring": {"labels": {"release": "prometheus"}, "interval": "30s", "dashboard": True}}
FILES = CHART / "files" / "monitoring"


def monitored(cluster: Cluster, tmp_path: Path, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is rendered for the Prometheus operator where its CRDs exist, by kind."""
    text = template(cluster, MONITORED | values, tmp_path, "--api-versions=monitoring.coreos.com/v1")
    found = [each for each in yaml.safe_load_all(text) if each]
    return {each["kind"]: each for each in found if each["apiVersion"] == "monitoring.coreos.com/v1"}


def test_where_prometheus_operator_is_fleets_and_operator_are_read(cluster: Cluster, tmp_path: Path) -> None:
    found = monitored(cluster, tmp_path, {})
    assert set(found) == {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    assert {each["metadata"]["labels"]["release"] for each in found.values()} == {"prometheus"}
    (pods,) = found["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert (pods["port"], pods["interval"]) == ("status", "30s")
    assert pods["relabelings"][0]["targetLabel"] == "name"
    labels = pod_labels("qwen", "uid", "0123456789")
    assert found["PodMonitor"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert found["PodMonitor"]["spec"]["namespaceSelector"] == {"any": True}
    (own,) = found["ServiceMonitor"]["spec"]["endpoints"]
    assert (own["port"], own["honorLabels"]) == ("metrics", True)
    assert found["PrometheusRule"]["spec"] == yaml.safe_load((FILES / "rules.yaml").read_text())


def test_alerts_link_to_where_the_pages_are_published(cluster: Cluster, tmp_path: Path) -> None:
    monitoring = MONITORED["monitoring"] | {"runbookUrl": "https://wiki.example.org/llmfleet/"}
    found = monitored(cluster, tmp_path, {"monitoring": monitoring, "watchNamespaces": ["team-a"]})
    links = [
        rule["annotations"]["runbook_url"]
        for group in found["PrometheusRule"]["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert links == [f"https://wiki.example.org/llmfleet/runbooks/{alert.name}.md" for alert in ALERTS]
    assert found["PodMonitor"]["spec"]["namespaceSelector"] == {"matchNames": ["team-a"]}


@pytest.mark.proves("R54")
def test_where_it_is_not_or_is_not_wanted_nothing_of_it_is_made(
    render: Render, cluster: Cluster, tmp_path: Path
) -> None:
    assert not [each for each in render(MONITORED) if "monitoring" in each["apiVersion"]]
    assert monitored(cluster, tmp_path, {"monitoring": {"enabled": False}}) == {}


def test_the_dashboard_comes_as_a_config_map_when_asked_for(render: Render) -> None:
    made = only(render(MONITORED), "ConfigMap")
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(made["data"]["llmfleet.json"]) == json.loads((FILES / "dashboard.json").read_text())
    assert not [each for each in render({}) if each["kind"] == "ConfigMap"]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"replicaCount": 3}, "replicaCount"),
        ({"settings": {"workers": 0}}, "workers"),
        ({"settings": {"logLevel": "LOUD"}}, "logLevel"),
        ({"settings": {"metricsSources": [{"name": "main", "url": "prometheus:9090"}]}}, "url"),
        ({"settings": {"metricsSources": [{"name": "Main", "url": "http://prometheus"}]}}, "name"),
        ({"metricsSecrets": ["A b"]}, "metricsSecrets"),
        ({"settings": {"gpuHourPrices": {"*": -1}}}, "gpuHourPrices"),
        ({"monitoring": {"interval": "1h"}}, "interval"),
        ({"admissionPolicy": {"validationActions": []}}, "validationActions"),
        ({"admissionPolicy": {"validationActions": ["Refuse"]}}, "validationActions"),
        ({"admissionPolicy": {"serviceAccounts": ["it's"]}}, "serviceAccounts"),
        ({"monitoring": {"runbookUrl": "wiki"}}, "runbookUrl"),
        ({"settings": {"namespace": "x"}}, "namespace"),
        ({"settngs": {}}, "settngs"),
        ({"watchNamespaces": ["Team A"]}, "watchNamespaces"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    cluster: Cluster, tmp_path: Path, values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ClusterError, match=complaint):
        template(cluster, values, tmp_path)


def test_the_object_in_the_notes_is_one_that_the_server_takes(cluster: Cluster) -> None:
    notes = cluster.helm("install", "llmfleet", str(CHART), "--dry-run=client", "--set=watchNamespaces={team-a}")
    assert "kubectl get llmdeployment qwen -n team-a -o wide --watch" in notes
    sample = yaml.safe_load(notes.partition("<<EOF\n")[2].partition("  EOF\n")[0])
    cluster.kubectl("apply", "--dry-run=server", "-f", "-", input=yaml.safe_dump(sample))
    assert sample["spec"] == {"model": {"uri": "hf://Qwen/Qwen3-8B"}}


def test_uninstalling_keeps_the_crd(cluster: Cluster) -> None:
    adopt = ("--take-ownership", "--force-conflicts")  # because other tests have made the CRD by themselves
    cluster.helm("install", "kept", str(CHART), "--namespace=llmfleet-kept", "--create-namespace", *adopt)
    cluster.helm("uninstall", "kept", "--namespace=llmfleet-kept")
    assert cluster.kubectl("get", "deployments", "--namespace=llmfleet-kept", "--output=name") == ""
    assert "llmdeployments.llmfleet.io" in cluster.kubectl("get", "crds", "--output=name")
