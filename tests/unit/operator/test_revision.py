"""Which edits make a new revision: the table "answers to edits"."""

import pytest

from llmfleet.core.revision import revision_of
from tests.builders import deployment, parsed, with_autoscaling, with_metadata, with_spec, with_status

GPU = {"type": "NVIDIA", "resourceName": "nvidia.com/mig-1g.10gb"}
BASE = deployment()


def revision(*modifiers) -> str:
    return revision_of(parsed(deployment(*modifiers)))


@pytest.mark.parametrize(
    "edit",
    [
        {"model": {"uri": "hf://Qwen/Qwen3-14B"}},
        {"model": {"revision": "main"}},
        {"model": {"servedNames": ["chat"]}},
        {"engine": {"type": "VLLM"}},
        {"engine": {"image": "mine:2"}},
        {"engine": {"maxModelLen": 4096}},
        {"engine": {"maxConcurrency": 8}},
        {"engine": {"dtype": "Float16"}},
        {"engine": {"args": [{"name": "tool-call-parser", "value": "hermes"}]}},
        {"engine": {"env": [{"name": "TZ", "value": "UTC"}]}},
        {"accelerator": {"type": "AMD"}},
        {"accelerator": {"products": ["NVIDIA-L4"]}},
        {"accelerator": GPU},
        {"resources": {"requests": {"cpu": "8"}}},
        {"resources": {"limits": {"memory": "8Gi"}}},
        {"resources": {"sharedMemory": "8Gi"}},
        {"pod": {"labels": {"team": "a"}}},
        {"pod": {"annotations": {"team": "a"}}},
        {"pod": {"serviceAccountName": "reader"}},
        {"pod": {"imagePullSecrets": ["mine"]}},
        {"pod": {"priorityClassName": "high"}},
        {"pod": {"runtimeClassName": "nvidia"}},
        {"pod": {"schedulerName": "other"}},
        {"pod": {"nodeSelector": {"pool": "gpu"}}},
        {"pod": {"tolerations": [{"operator": "Exists"}]}},
        {"pod": {"topologySpread": [{"topologyKey": "topology.kubernetes.io/zone"}]}},
        {"lifecycle": {"startupTimeoutSeconds": 60}},
    ],
    ids=str,
)
def test_what_pods_are_made_from_makes_a_new_revision(edit: dict) -> None:
    assert revision(with_spec(**edit)) != revision()


@pytest.mark.parametrize(
    "modifier",
    [
        pytest.param(with_spec(replicas=3), id="replicas"),
        pytest.param(with_autoscaling(1, 4), id="autoscaling"),
        pytest.param(with_spec(service={"port": 80, "annotations": {"a": "b"}}), id="service"),
        pytest.param(with_spec(lifecycle={"drainTimeoutSeconds": 5}), id="drain time"),
        pytest.param(with_spec(paused=True), id="paused"),
        pytest.param(with_metadata(labels={"a": "b"}, annotations={"c": "d"}, generation=9), id="metadata"),
        pytest.param(with_status(observedGeneration=3), id="status"),
        pytest.param(with_spec(engine={}), id="an empty part is an absent part"),
    ],
)
def test_everything_else_restarts_no_pod(modifier) -> None:
    assert revision(modifier) == revision()


@pytest.mark.proves("R17")
def test_the_same_name_born_again_shares_no_revision() -> None:
    assert revision(with_metadata(uid="another")) != revision()


def test_the_order_of_members_is_no_difference() -> None:
    one = with_spec(engine={"maxModelLen": 100, "maxConcurrency": 2})
    other = with_spec(engine={"maxConcurrency": 2, "maxModelLen": 100})
    assert revision(one) == revision(other)


def test_the_order_of_engine_options_is_a_difference() -> None:
    options = [{"name": "tool-call-parser", "value": "hermes"}, {"name": "enable-auto-tool-choice"}]
    assert revision(with_spec(engine={"args": options})) != revision(with_spec(engine={"args": options[::-1]}))


@pytest.mark.proves("R31")
def test_a_revision_is_ten_hex_digits_that_never_change() -> None:
    """Kept by hand: another value here rolls every fleet at the next operator upgrade."""
    assert revision() == "4271078acc"
