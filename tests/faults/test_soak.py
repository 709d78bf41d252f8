"""Random faults over random edits, for as long as it is given: ``poe soak --seed N --minutes M``."""

import random
import time
from pathlib import Path

import pytest

from e2e.cluster import Cluster
from tests.faults.chains import Chain, Play, draw, failure, shortest
from tests.faults.stage import stage


@pytest.mark.cluster
@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.proves("R04", "F50")
def test_whatever_happens_it_ends_where_the_last_spec_says(
    cluster: Cluster, pki: Path, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = request.config.getoption("--seed")
    seed = int(time.time()) if asked is None else asked
    end = time.monotonic() + 60 * request.config.getoption("--minutes")

    def run(chain: Chain) -> None:
        with stage(cluster, pki, tmp_path, RELIST_SECONDS="10") as made:
            Play(made).run(chain)

    def say(text: str) -> None:
        with capsys.disabled():
            print(text)  # noqa: T201 because a soak speaks to who started it

    say(f"\nseed {seed}")
    rng, done = random.Random(seed), 0
    while time.monotonic() < end:
        chain = draw(rng)
        words = failure(run, chain)
        if words:
            say(f"chain {done} fails: {chain}\n{words}\nlooking for the shortest…")
            short = shortest(lambda each: bool(failure(run, each)), chain)
            pytest.fail(f"seed {seed}, chain {done}, shortest: {short}\n{failure(run, short) or words}")
        done += 1
    say(f"{done} chains held")
    assert done, "no chain was run: give it more minutes"
