"""Random faults over random edits, for as long as it is given: ``poe soak --seed N --minutes M``."""

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from e2e.cluster import Cluster
from tests.faults.chains import OF_EVERY_KIND, Chain, Step, draw, failure, shortest
from tests.faults.play import Play
from tests.faults.stage import KILLED, stage


@pytest.mark.cluster
@pytest.mark.timeout(300)
@pytest.mark.proves("F50")
def test_a_chain_of_every_kind_of_step_ends_where_its_last_spec_says(
    cluster: Cluster, pki: Path, tmp_path: Path
) -> None:
    assert {type(step) for step in OF_EVERY_KIND} == set(get_args(Step))
    with stage(cluster, pki, tmp_path, RELIST_SECONDS="10") as made:
        Play(made).run(OF_EVERY_KIND)
        assert KILLED in made.exits, "the kill has not struck"


@pytest.mark.cluster
@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.proves("R04", "F50")
def test_whatever_happens_it_ends_where_the_last_spec_says(
    cluster: Cluster, pki: Path, tmp_path: Path, request: pytest.FixtureRequest, say: Callable[[str], None]
) -> None:
    asked = request.config.getoption("--seed")
    seed = int(time.time()) if asked is None else asked
    end = time.monotonic() + 60 * request.config.getoption("--minutes")

    def run(chain: Chain) -> None:
        with stage(cluster, pki, tmp_path, RELIST_SECONDS="10") as made:
            Play(made).run(chain)
            exits.update(made.exits)

    exits = Counter[int]()
    say(f"seed {seed}")
    rng, done = random.Random(seed), 0
    while time.monotonic() < end:
        chain = draw(rng)
        words = failure(run, chain)
        if words:
            say(f"chain {done} fails: {chain}\n{words}\nlooking for the shortest…")
            short = shortest(lambda each: bool(failure(run, each)), chain)
            pytest.fail(f"seed {seed}, chain {done}, shortest: {short}\n{failure(run, short) or words}")
        done += 1
    say(f"{done} chains held, and their operators were killed {exits[KILLED]} times")
    assert done, "no chain was run: give it more minutes"
