"""What another kopf operator left on an object, copied into Git with it, is none of our business."""

import kopf
import pytest

from llmfleet.shell import watch
from tests.builders import deployment, with_metadata

FINALIZER = "kopf.zalando.org/KopfFinalizerMarker"


@pytest.mark.proves("R12", "S77")
@pytest.mark.parametrize("text", ["{}", '{"spec": {}}', "no JSON", ""])
def test_a_note_of_what_was_handled_last_is_not_read(text: str) -> None:
    body = kopf.Body(deployment(with_metadata(annotations={"kopf.zalando.org/last-handled-configuration": text})))
    kept = watch.settings().persistence.diffbase_storage
    assert kept.fetch(body=body) is None
    assert kept.build(body=body) is None, "nothing to compare it with is made, and kopf goes on without"


@pytest.mark.proves("R12")
def test_kopfs_usual_finalizer_is_not_ours_to_take_away() -> None:
    assert kopf.OperatorSettings().persistence.finalizer == FINALIZER
    assert watch.settings().persistence.finalizer != FINALIZER
