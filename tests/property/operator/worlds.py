"""Fleets in the simulator, and what they say of themselves."""

from llmfleet.api.status import Status
from tests.builders import deployment, with_spec
from tests.simulator import Simulator

BAD = {"maxModelLen": 666}


def settled(size: int, spare: int = 4, **rollout: object) -> Simulator:
    """A fleet at rest, with so many GPUs to spare."""
    world = Simulator(deployment(with_spec(replicas=size, rollout=rollout)), gpus=size + spare)
    world.run()
    return world


def status(world: Simulator) -> Status:
    """The recorded status."""
    return Status.model_validate(world.raw["status"])


def said(world: Simulator, kind: str) -> tuple[str, str]:
    """Status and reason of a condition."""
    found = next(each for each in status(world).conditions if each.type == kind)
    return found.status.value, found.reason


def serves(world: Simulator, of: str, size: int) -> bool:
    """Whether one revision serves alone, at a size."""
    return world.sizes().get(of) == world.ready(of) == len(world.pods) == size


def go(world: Simulator, steps: int, floor: int) -> list[str]:
    """Run; the paths told on the way. The ready floor holds at every step."""
    paths: list[str] = []
    for _ in range(steps):
        world.operate()
        rollout = status(world).rollout
        if rollout and (not paths or paths[-1] != rollout.path):
            paths.append(rollout.path)
        world.step()
        assert world.ready() >= floor, paths
    return paths
