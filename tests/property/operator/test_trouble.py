"""Whatever a pod, a kubelet or a scheduler says is read, bounded and fast."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet.api.conditions import MEANINGS
from llmfleet.api.status import Problem
from llmfleet.core.dictionary import CLAIMS, CONFIGURING, CRASHES, CREATIONS, DISRUPTIONS, PLACING, Entry, cause
from llmfleet.core.pods import pod_view, worst
from llmfleet.core.remedy import remedy
from llmfleet.core.trouble import SHOWN_CHARACTERS, of_crash, of_creation, of_scheduling, of_waiting, recheck_after
from tests.builders import NOW, crashed, pod, unschedulable, waiting

TABLES = (CRASHES, CONFIGURING, CLAIMS, PLACING, CREATIONS, DISRUPTIONS)
ENTRIES = tuple({entry.words: entry for table in TABLES for entry in table}.values())
MESSAGES = st.one_of(
    st.text(),
    st.text().map(lambda text: json.dumps({"exitCode": 70, "reason": "EngineDied", "message": text})),
    st.sampled_from(ENTRIES).map(lambda entry: entry.words.replace("\\", "")),
)
TIMES = st.one_of(st.just(""), st.text(max_size=12), st.datetimes().map(lambda moment: f"{moment.isoformat()[:19]}Z"))


@given(MESSAGES, st.integers(0, 99), TIMES, TIMES)
def test_any_end_of_a_container_is_a_trouble_with_a_reason_words_and_a_remedy(message, restarts, begun, ended) -> None:
    told = {"exitCode": 1, "reason": "Error", "message": message, "startedAt": begun, "finishedAt": ended}
    trouble = of_crash(told, restarts)
    assert trouble.reason in MEANINGS
    assert 0 < len(trouble.message) <= SHOWN_CHARACTERS
    assert remedy(trouble.reason, trouble.message)
    assert Problem(reason=trouble.reason, count=1, message=trouble.message)


@given(
    MESSAGES, st.sampled_from(["CreateContainerConfigError", "ErrImagePull", "RunContainerError", "x"]), TIMES, TIMES
)
def test_time_only_turns_a_passing_trouble_into_one_that_stalls(message, reason, since, now) -> None:
    found = [of_waiting({"reason": reason, "message": message}, since), of_scheduling(message, since)]
    found.append(of_creation({"message": message, "lastTransitionTime": since}))
    for trouble in [each for each in found if each]:
        left = recheck_after([trouble], now)
        assert left is None or 0 < left <= max(trouble.grace_seconds, trouble.quiet_seconds)
        assert not (trouble.stalls(now) and left)
        assert trouble.stalls(now) or left or not trouble.is_terminal


@given(st.lists(st.sampled_from([crashed, unschedulable, lambda text: waiting("ErrImagePull", text)])), MESSAGES)
def test_the_worst_trouble_is_one_of_the_pods_and_hopeless_if_any_is(modifiers, message) -> None:
    views = [pod_view(pod("a1", modifier(message), name=f"p{index}")) for index, modifier in enumerate(modifiers)]
    found = worst(views, NOW)
    troubles = [view.trouble for view in views if view.trouble]
    assert (found is None) == (not troubles)
    assert found is None or found in troubles
    assert found is None or found.stalls(NOW) == any(each.stalls(NOW) for each in troubles)


@pytest.mark.proves("R78")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.words)
def test_a_hostile_text_is_searched_in_no_time(entry: Entry) -> None:
    begun = time.process_time()
    cause((entry,), entry.words.partition(".*")[0].replace("\\", "") * 100_000)
    assert time.process_time() - begun < 1
