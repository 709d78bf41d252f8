"""Conditions as the API conventions ask for them, whatever words pods and servers find."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet.api.conditions import MEANINGS
from llmfleet.api.crd import crd
from llmfleet.core.judge import judge
from tests.builders import Modifier, Raw, crashed, unschedulable, waiting
from tests.unit.gitops.recorded import OBJECTS, ONE, recorded, standing

SCHEMA = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
TROUBLES = st.one_of(
    st.builds(unschedulable, st.text(max_size=4000)),
    st.builds(waiting, st.sampled_from(["ErrImagePull", "CreateContainerConfigError"]), st.text(max_size=4000)),
    st.builds(crashed, st.text(max_size=4096), st.integers(0, 255), st.integers(1, 9)),
)


def _conditions(raw: Raw) -> dict[str, Raw]:
    return {each["type"]: each for each in raw["status"].get("conditions", ())}


@pytest.mark.proves("R38")
@pytest.mark.parametrize("state", OBJECTS)
def test_the_status_is_of_the_schema_with_known_reasons_in_camel_case(state: str) -> None:
    assert judge(SCHEMA, OBJECTS[state]["status"]) == []
    for each in _conditions(OBJECTS[state]).values():
        assert each["reason"] in MEANINGS
        assert re.fullmatch(r"[A-Z][A-Za-z]+", each["reason"])


@pytest.mark.proves("R38")
@given(trouble=TROUBLES)
def test_however_long_the_words_the_message_is_bounded_and_ends_with_the_next_step(trouble: Modifier) -> None:
    raw = recorded(standing(ONE, trouble))
    assert judge(SCHEMA, raw["status"]) == []
    ready = _conditions(raw)["Ready"]
    assert ready["message"].endswith(MEANINGS[ready["reason"]])
