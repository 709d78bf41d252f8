"""GPUs that are held, for how long, and what they cost."""

import pytest
from prometheus_client import CollectorRegistry

from llmfleet.core.usage import Usage, price, usage
from llmfleet.shell.meter import Meter
from tests.builders import deployment, with_spec
from tests.fakes import FakeOperator
from tests.simulator import Simulator

QWEN = {"namespace": "team-a", "name": "qwen", "product": "L40S"}
PRICES = {"L40S": 1.8, "H100": 3.6, "*": 0.9}


class Watch:
    """A meter, its clock, and what it tells."""

    def __init__(self, prices: dict[str, float] | None = None) -> None:
        self.now, self.registry = 100.0, CollectorRegistry()
        self.meter = Meter(PRICES if prices is None else prices, lambda: self.now)
        self.registry.register(self.meter)

    def told(self, what: str = "seconds", **labels: str) -> float | None:
        return self.registry.get_sample_value(f"llmfleet_gpu_{what}_total", QWEN | labels)

    def hold(self, gpus: int, seconds: float, product: str = "L40S") -> None:
        self.meter.hold("team-a", "qwen", Usage(product, gpus))
        self.now += seconds


def test_time_runs_while_gpus_are_held() -> None:
    watch = Watch()
    watch.hold(2, 10.0)
    assert watch.told() == 20.0
    watch.now += 5
    assert watch.told() == 30.0
    watch.hold(0, 100.0)
    assert watch.told() == 30.0


def test_saying_the_same_again_changes_nothing() -> None:
    watch = Watch()
    for _ in range(10):
        watch.hold(1, 1.0)
    assert watch.told() == 10.0


def test_another_product_gives_the_first_one_back() -> None:
    watch = Watch()
    watch.hold(2, 10.0)
    watch.hold(1, 10.0, "H100")
    assert (watch.told(), watch.told(product="H100")) == (20.0, 10.0)
    watch.meter.hold("team-a", "qwen", None)
    watch.now += 10
    assert (watch.told(), watch.told(product="H100")) == (20.0, 10.0)


def test_another_fleet_is_counted_apart() -> None:
    watch = Watch()
    watch.hold(2, 10.0)
    watch.meter.hold("team-a", "other", Usage("L40S", 8))
    watch.now += 1
    assert (watch.told(), watch.told(name="other")) == (22.0, 8.0)
    watch.meter.forget("team-a", "qwen")
    assert (watch.told(), watch.told(name="other")) == (None, 8.0)


def test_hours_cost_what_the_settings_say() -> None:
    watch = Watch()
    watch.hold(2, 3600.0)
    assert watch.told("cost") == pytest.approx(3.6)


def test_without_a_price_there_is_no_cost() -> None:
    watch = Watch({"H100": 3.6})
    watch.hold(2, 3600.0)
    assert (watch.told(), watch.told("cost")) == (7200.0, None)


@pytest.mark.parametrize(
    ("product", "expected"),
    [("L40S", 1.8), ("L40S,H100", 3.6), ("T4", 0.9), ("NVIDIA", 0.9), ("T4,L40S", 1.8)],
)
def test_the_dearest_product_that_may_be_taken_counts(product: str, expected: float) -> None:
    assert price(PRICES, product) == expected
    assert price({}, product) is None


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"replicas": 2}, Usage("NVIDIA", 2), id="one GPU each"),
        pytest.param({"replicas": 2, "engine": {"parallelism": {"tensor": 4}}}, Usage("NVIDIA", 8), id="four each"),
        pytest.param({"accelerator": {"products": ["T4", "L4"]}}, Usage("T4,L4", 1), id="products"),
        pytest.param({"accelerator": {"type": "CPU"}, "engine": {"image": "cpu"}}, None, id="no GPU"),
        pytest.param({"replicas": -1}, None, id="a spec that cannot be read"),
    ],
)
async def test_a_fleet_holds_the_gpus_of_its_placed_pods(spec: dict, expected: Usage | None) -> None:
    made = FakeOperator(Simulator(deployment(with_spec(**spec))))
    await made.settle(12)
    assert usage(made.world.observe()) == expected


async def test_pods_that_wait_for_a_gpu_hold_none() -> None:
    made = FakeOperator(Simulator(deployment(with_spec(replicas=3)), gpus=1))
    await made.settle(12)
    assert usage(made.world.observe()) == Usage("NVIDIA", 1)
