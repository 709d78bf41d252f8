"""Hypothesis runs without its own deadline (pytest-timeout has one) and, where CI says so, longer."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("usual", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", parent=settings.get_profile("usual"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))
