"""No field reaches out of the object's own namespace."""

import re

import pytest

from llmfleet.api.schema import fields
from llmfleet.reference import root_schema

SPEC = dict(fields(root_schema()["properties"]["spec"]))
REFERENCES = re.compile(r"(Name|Secrets\[\]|secretName|claimName)$")
SELECTS_CLIENTS = "access.from[].namespaceLabels"
"""Says which pods may connect to ours; nothing is read or written there."""


@pytest.mark.proves("R68")
def test_no_field_takes_a_namespace() -> None:
    assert [path for path in SPEC if "namespace" in path.lower()] == [SELECTS_CLIENTS]


@pytest.mark.proves("R68", "R69")
def test_a_name_of_another_object_cannot_hold_a_second_part() -> None:
    named = {path: each for path, each in SPEC.items() if REFERENCES.search(path) and "pattern" in each}
    assert {"model.credentials.secretName", "model.cache.persistentVolumeClaim.claimName"} <= named.keys()
    outside = [path for path, each in named.items() if re.search(each["pattern"], "other/name")]
    assert outside == ["accelerator.resourceName"]  # the name of a device, whose first part is its vendor


CONSENTED = [path for path in SPEC if path.startswith("model.cache.hostPath")]
"""Only below folders that the operator's settings name."""


@pytest.mark.proves("R69")
@pytest.mark.parametrize("word", ["hostPath", "hostNetwork", "hostPID", "privileged", "securityContext", "volumes"])
def test_no_field_gives_access_to_the_node_without_consent(word: str) -> None:
    assert [path for path in SPEC if word.lower() in path.lower() and path not in CONSENTED] == []
