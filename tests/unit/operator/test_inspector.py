"""The Job that reads a model: the address, the files and the secrets that the pods have."""

from typing import Any

import pytest

from llmfleet.core import manifests
from llmfleet.core.inspection import source
from llmfleet.core.template import freeze
from tests.builders import DEFAULTS, Raw, deployment, look, parsed, revision, with_spec
from tests.unit.operator.inspected import INSPECTING, applied, planned


def container(raw: Raw) -> dict[str, Any]:
    job = manifests.inspection_job(parsed(raw), revision(raw), INSPECTING)
    (found,) = job["spec"]["template"]["spec"]["containers"]
    return dict(found)


def of(uri: str, **members: Any) -> Raw:
    return deployment(with_spec(model={"uri": uri, **members}))


NONE = '{"exclude": [], "include": []}'


@pytest.mark.parametrize(
    ("uri", "members", "arguments"),
    [
        ("hf://org/tiny", {}, ["hf://org/tiny"]),
        ("hf://org/tiny", {"revision": "v1"}, ["hf://org/tiny", "--revision", "v1"]),
        (
            "hf://org/tiny",
            {"files": {"include": ["*q4*"]}},
            ["hf://org/tiny", "--files", '{"exclude": [], "include": ["*q4*"]}'],
        ),
        ("pvc://models/a/b", {}, ["/models/a/b"]),
        ("s3://models/tiny", {}, ["s3://models/tiny", "--files", NONE]),
        ("gs://models/tiny", {}, ["gs://models/tiny", "--files", NONE]),
        ("oci://ghcr.io/team/tiny:v1", {}, ["oci://ghcr.io/team/tiny:v1", "--files", NONE]),
        (
            "https://host/tiny.tar",
            {"sha256": "0" * 64},
            ["https://host/tiny.tar", "--sha256", "0" * 64, "--files", NONE],
        ),
        (
            "s3://models/tiny",
            {"files": {"exclude": ["q8/*"]}},
            ["s3://models/tiny", "--files", '{"exclude": ["q8/*"], "include": []}'],
        ),
    ],
)
def test_the_program_is_told_the_address_and_which_files_the_pods_fetch(
    uri: str, members: Raw, arguments: list[str]
) -> None:
    command = container(of(uri, **members))["command"]
    assert command[:3] == ["python3", "-m", "llmfleet_runtime.inspection"]
    reported = command.index("--report")
    del command[reported : reported + 2]
    assert command[3:] == arguments


@pytest.mark.parametrize("uri", ["hf://org/tiny", "s3://models/tiny", "gs://models/tiny", "oci://ghcr.io/team/tiny:v1"])
def test_it_reads_the_secret_as_the_pods_do(uri: str) -> None:
    raw = of(uri, credentials={"secretName": "mine"})
    template = freeze(parsed(raw), revision(raw), DEFAULTS).template
    (engine,) = template["spec"]["containers"]
    secrets = [each for each in engine["env"] if "valueFrom" in each]
    assert secrets
    assert [each for each in container(raw)["env"] if "valueFrom" in each] == secrets


@pytest.mark.parametrize("scheme", ["s3", "gs", "oci", "https"])
def test_a_model_of_any_place_but_the_image_is_looked_at_before_anything_is_made(scheme: str) -> None:
    assert applied(planned(look(of(f"{scheme}://models/tiny")))) == ["Job"]


def test_other_files_are_another_model_and_their_order_is_not() -> None:
    plain, *picked = (
        of("hf://org/tiny", **members)
        for members in (
            {},
            {"files": {"include": ["a", "b"]}},
            {"files": {"include": ["b", "a"]}},
            {"files": {"exclude": ["a", "b"]}},
        )
    )
    first, second, third = (source(parsed(each)) for each in picked)
    assert first == second
    assert len({source(parsed(plain)), first, third}) == 3
