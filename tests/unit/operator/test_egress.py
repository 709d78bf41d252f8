"""The pods' way out: proxies and certificates of the operator's settings, in whatever fetches from outside."""

from dataclasses import replace
from urllib.request import proxy_bypass_environment

import pytest
from pydantic import ValidationError

from llmfleet.core import manifests
from llmfleet.core.egress import Egress
from llmfleet.core.template import Defaults, freeze
from llmfleet.settings import Settings
from llmfleet.shell.defaults import defaults_of
from llmfleet_runtime.contract import Order
from tests.builders import DEFAULTS, Raw, deployment, parsed, revision

WAY_OUT = Egress(
    https_proxy="http://proxy.example:3128", no_proxy=("minio.store",), ca_config_map="trust", ca_key="all"
)

RAW = deployment()


def pod(defaults: Defaults) -> Raw:
    spec: Raw = freeze(parsed(RAW), revision(RAW), defaults).template["spec"]
    return spec


def jobs(defaults: Defaults) -> list[Raw]:
    """The pods of the Jobs that read a model and make a checkpoint."""
    ours, of = parsed(RAW), revision(RAW)
    made = manifests.quantizing_job(ours, of, Order(model="a/b", methods=("AWQ",), out="/c"), 1, defaults)
    return [each["spec"]["template"]["spec"] for each in (manifests.inspection_job(ours, of, defaults), made)]


def test_proxy_and_certificates_of_the_operators_settings_reach_the_pod() -> None:
    spec = pod(replace(DEFAULTS, egress=WAY_OUT))
    (container,) = spec["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "certificates"]
    (volume,) = [each for each in spec["volumes"] if each["name"] == "certificates"]
    assert variables["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert "HTTP_PROXY" not in variables
    assert {variables["SSL_CERT_FILE"], variables["REQUESTS_CA_BUNDLE"]} == {f"{mount['mountPath']}/ca-bundle.crt"}
    assert volume["configMap"]["items"] == [{"key": "all", "path": "ca-bundle.crt"}]
    assert (volume["configMap"]["name"], volume["configMap"]["optional"]) == ("trust", True)


def test_jobs_that_fetch_go_out_by_the_way_of_the_pods() -> None:
    defaults = replace(DEFAULTS, hf_endpoint="https://hub.example", egress=WAY_OUT)
    wanted = WAY_OUT.environment() | {"HF_ENDPOINT": "https://hub.example"}
    for spec in (pod(defaults), *jobs(defaults)):
        (its,) = spec["containers"]
        assert {each["name"]: each["value"] for each in its["env"]}.items() >= wanted.items()
        assert {"name": "certificates", "mountPath": "/etc/ssl/llmfleet", "readOnly": True} in its["volumeMounts"]
        assert {"name": "certificates", "configMap": WAY_OUT.certificates()} in spec["volumes"]


@pytest.mark.parametrize(
    ("host", "is_direct"),
    [
        ("localhost", True),
        ("127.0.0.1:8000", True),
        ("minio.store.svc:9000", True),
        ("minio.store.svc.cluster.local", True),
        ("minio.store", True),
        ("169.254.169.254", True),
        ("metadata.google.internal", True),
        ("hub.example", False),
        ("svc.example", False),
    ],
)
def test_the_clusters_own_names_are_reached_without_the_proxy(host: str, *, is_direct: bool) -> None:
    variables = {name.lower().removesuffix("_proxy"): value for name, value in WAY_OUT.environment().items()}
    assert bool(proxy_bypass_environment(host, variables)) is is_direct


def test_without_a_proxy_there_is_nothing_to_go_around() -> None:
    assert Egress(no_proxy=("minio.store",)).environment() == {}


def test_the_way_out_is_part_of_what_a_revision_is_made_by() -> None:
    assert replace(DEFAULTS, egress=WAY_OUT).made_by != DEFAULTS.made_by
    assert replace(DEFAULTS, egress=Egress()).made_by == DEFAULTS.made_by


def test_the_way_out_of_pods_is_what_the_settings_say() -> None:
    settings = Settings(
        https_proxy="http://proxy.example:3128", no_proxy="minio.store, .corp", ca_bundle_config_map="trust"
    )
    found = defaults_of(settings).egress
    assert (found.https_proxy, found.no_proxy, found.ca_config_map, found.ca_key) == (
        *("http://proxy.example:3128", ("minio.store", ".corp")),
        *("trust", "ca-bundle.crt"),
    )
    assert defaults_of(Settings()).egress == Egress()


@pytest.mark.parametrize(
    ("setting", "bad"),
    [
        ("https_proxy", "proxy.example:3128"),
        ("https_proxy", "http://me:secret@proxy.example"),
        ("http_proxy", "socks5://proxy.example"),
        ("ca_bundle_config_map", "Trust"),
        ("ca_bundle_key", "a/b"),
        ("ca_bundle_key", ""),
    ],
)
def test_a_way_out_that_is_none_stops_the_operator_with_the_settings_name(setting: str, bad: str) -> None:
    with pytest.raises(ValidationError, match=setting):
        Settings(**{setting: bad})
