"""Cases that no constant was ever chosen by: other days, other start-ups, another model. Read only to report."""

from dataclasses import replace

from llmfleet.core.simulation import synthetic
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Promise
from llmfleet.core.simulation.profile import PROFILES
from llmfleet.core.simulation.synthetic import CHAT

from .cases import CHAT_2024, CHAT_SCENE, CODE_2024, CODE_PROMISE, Case, clients, lasting, made

CODE_FRIDAY = (8.4, 11.6, 20.9, 34.1, 50.7)
CHAT_FRIDAY = (47.1, 52.5, 57.7, 58.3, 55.5)
CODE_EVENING = (56.6, 42.0, 30.7, 20.7)
"""Friday 10 to 15 h, 11 to 16 h and 20 to 24 h of Azure's 2024 week, requests per second."""
LARGE = World(PROFILES["70b-4xh100"], startup_seconds=300)
L40S = World(PROFILES["8b-l40s"], startup_seconds=60)
H100 = World(PROFILES["8b-h100"], startup_seconds=60)


def kept_apart() -> tuple[Case, ...]:
    """All of them."""
    code = replace(CHAT_SCENE, promise=CODE_PROMISE)
    large = replace(CHAT_SCENE, world=LARGE, promise=Promise(3.0, 0.15))
    small = replace(CHAT_SCENE, world=L40S, promise=Promise(2.0, 0.15))
    return (
        Case("K1", "Azure 2024 code, Friday morning", made(synthetic.profile([0.6 * each for each in CODE_FRIDAY]),
             18_000, CODE_2024, 2.0), lasting(code, 18_000)),
        Case("K2", "Azure 2024 chat, Friday noon, starts of 5 minutes", made(synthetic.profile(CHAT_FRIDAY), 18_000,
             CHAT_2024), replace(lasting(CHAT_SCENE, 18_000, 10), world=World(CHAT_SCENE.world.profile, 300))),
        Case("K3", "Azure 2024 code, Friday evening", made(synthetic.profile([0.6 * each for each in CODE_EVENING]),
             14_400, CODE_2024, 2.0), lasting(code, 14_400, 9)),
        Case("K4", "70B on four H100, a day in two hours", made(synthetic.diurnal(3, 15, 7200), 7200, CHAT),
             lasting(large, 7200)),
        Case("K5", "L40S, a step of three times", made(synthetic.step(6, 18, 900, 1800), 3600, CHAT),
             lasting(small, 3600), disturbed=900),
        Case("K6", "H100, bursty clients that grow", clients({1.1: 20, 3: 10, 5: 6}, 3600, CHAT),
             replace(lasting(CHAT_SCENE, 3600, 4), world=H100)),
    )  # fmt: skip
