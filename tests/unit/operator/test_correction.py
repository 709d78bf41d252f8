"""What a refused plan asks for: another file, or a setting of the operator and how it is set."""

import re

import pytest
import yaml
from click.testing import CliRunner, Result
from pydantic.alias_generators import to_camel

from llmfleet.__main__ import main
from llmfleet.api.conditions import Reason
from llmfleet.core.admission import REFUSING
from llmfleet.core.remedy import correction
from llmfleet.settings import Settings
from tests.builders import SHARED, Raw, deployment, with_spec

PRODUCED = deployment(with_spec(model={"cache": SHARED}, quantization={"method": "AWQ", "source": "Produced"}))
NODES_FOLDER = deployment(with_spec(model={"cache": {"type": "HostPath", "hostPath": {"path": "/mnt/models"}}}))
SETTINGS = {
    Reason.QUANTIZE_IMAGE_MISSING: ("settings.quantizeImage=IMAGE", "LLMFLEET_QUANTIZE_IMAGE", "quantization.source"),
    Reason.HOST_PATH_NOT_ALLOWED: ("settings.hostPathCaches=FOLDER", "LLMFLEET_HOST_PATH_CACHES", "model.cache.type"),
}


def planned(raw: Raw) -> Result:
    metadata = {name: raw["metadata"][name] for name in ("name", "namespace")}
    given = yaml.safe_dump({**raw, "metadata": metadata})
    return CliRunner().invoke(main, ["plan", "-f", "-", "--children", "-"], input=given)


@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize("reason", sorted(REFUSING))
def test_a_plan_that_a_setting_refuses_names_it_and_how_it_is_set(reason: Reason, *, is_local: bool) -> None:
    found = correction(reason, "fleet-system", is_local=is_local)
    if reason not in SETTINGS:
        assert found == "correct the file"
        return
    setting, variable, member = SETTINGS[reason]
    assert f"helm upgrade llmfleet charts/llmfleet --namespace fleet-system --reuse-values --set {setting}" in found
    assert found.endswith(f"or take another {member} in the file")
    assert (variable in found) is is_local


@pytest.mark.parametrize(("setting", "variable", "_member"), SETTINGS.values())
def test_such_a_setting_is_there(setting: str, variable: str, _member: str) -> None:
    fields = {to_camel(name): f"LLMFLEET_{name.upper()}" for name in Settings.model_fields}
    (name,) = re.findall(r"settings\.(\w+)=", setting)
    assert fields[name] == variable


@pytest.mark.parametrize(
    ("raw", "reason", "value"),
    [(PRODUCED, "QUANTIZE_IMAGE_MISSING", "quantize:1"), (NODES_FOLDER, "HOST_PATH_NOT_ALLOWED", "/mnt")],
)
def test_with_the_setting_the_same_file_is_planned(
    raw: Raw, reason: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, variable, _ = SETTINGS[Reason[reason]]
    refused = planned(raw)
    assert refused.exit_code == 1
    assert f"Next: set {variable} here" in refused.output
    monkeypatch.setenv(variable, value)
    assert planned(raw).exit_code == 2
