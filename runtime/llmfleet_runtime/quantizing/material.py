"""Everything that every checkpoint of an order is made and judged with; what cannot work is refused here."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llmfleet_runtime.facts import ModelFacts
from llmfleet_runtime.machine import memory_bytes
from llmfleet_runtime.made import Order

from . import reference
from .engine import Engine, engine
from .evaluation import Shown
from .recipes import Recipe, group_size
from .reference import Told
from .refusals import engine_refusal, refusal, room_refusal, text_refusal
from .source import described, fetched
from .store import fingerprint
from .text import default_text, parts, windows

MORE = 32
"""Greedy tokens after each beginning, at most."""
BEGINNINGS = 8


class Refused(Exception):
    """The order cannot be carried out; the text says why and what to do."""


@dataclass(frozen=True)
class Material:
    """What every step works with."""

    order: Order
    folder: Path
    """Of the source."""
    identity: str
    """Of the source's files."""
    group: int | None
    """Inputs that share a scale."""
    engine: Engine | None
    """That evaluates; None: transformers does."""
    samples: Sequence[list[int]]
    """Windows to calibrate with."""
    shown: Shown


def material(order: Order, recipes: Sequence[Recipe], told: Told) -> Material:
    """Raises ``Refused``, ``NoSource``, ``NotServed`` and ``OSError``."""
    folder = fetched(order, told)
    facts, config = described(folder)
    own = engine(order.engine) if order.engine else None
    _insist(refusal(facts, config, recipes) or (engine_refusal(recipes, own.platform) if own else ""))
    _insist(_room(order, facts))
    told("reading the text", 0, 0)
    text = default_text() if order.text is None else Path(order.text).read_text(errors="replace")
    begin, (learned, judged) = reference.tokens(folder, parts(text))
    length = min(order.length, (facts.max_positions or order.length) - 1)  # an engine answers with one token at least
    _insist(text_refusal(len(learned), len(judged), length))
    samples, seen = windows(learned, length, order.samples, begin), windows(judged, length, order.judged, begin)
    prompt = length // 4
    shown = Shown(seen, [window[:prompt] for window in seen[:BEGINNINGS]], min(MORE, length - prompt))
    return Material(order, folder, fingerprint(folder), group_size(config), own, samples, shown)


def _insist(refused: str) -> None:
    if refused:
        raise Refused(refused)


def _room(order: Order, facts: ModelFacts) -> str:
    weights = sum(each.bytes for each in facts.weights)
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return room_refusal(
        weights, min(memory_bytes() or physical, physical), shutil.disk_usage(order.out).free, len(order.methods)
    )
