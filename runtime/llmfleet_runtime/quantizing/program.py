"""Makes and judges every checkpoint of an order, one after the other; what is done already is not done again."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llmfleet_runtime.made import Made, Order, Quality, Step
from llmfleet_runtime.precision import precision

from . import compressor, engine, reference
from .evaluation import Observed, quality
from .material import Material, Refused, material
from .recipes import RECIPES, Recipe
from .reference import Told
from .source import described
from .store import Store, key, size

SOURCE = "source"
ANOTHER = Step(subject="checkpoint", doing="another run makes it, and is waited for")
UNQUANTIZED = "None"
"""The value of ``spec.quantization.method`` that the source meets."""

Tell = Callable[[Step | Made], None]


def carry_out(order: Order, tell: Tell, *, waits: bool = False) -> None:
    """Tell of every step, and of the source and each checkpoint once it is judged.

    ``waits`` for another run in the same place, and then finds done what that did. Raises ``Refused``, ``NoSource``,
    ``Occupied``, ``NotServed``, ``ModuleNotFoundError`` and ``OSError``.
    """
    library, recipes = compressor.version(), [RECIPES[each] for each in order.methods]
    store = Store(Path(order.out))
    with store.held((lambda: tell(ANOTHER)) if waits else None):
        told = _teller(tell, SOURCE)
        given = material(order, recipes, told)
        wanted = [(recipe, _identity(given, recipe, library)) for recipe in recipes]
        records = {recipe.method: store.made(recipe.method, identity) for recipe, identity in wanted}
        source = _observed(store, given, given.folder, given.identity, told)
        tell(_described(given.folder, None, 0, quality(source, None)))
        for recipe, identity in wanted:
            told = _teller(tell, recipe.method)
            record = records[recipe.method] or _made(store, given, recipe, identity, told)
            place = store.place(recipe.method)
            own = _observed(store, given, place, identity, told)
            tell(_described(place, recipe, record["seconds"], quality(own, source)))


def _identity(given: Material, recipe: Recipe, library: str) -> str:
    """Of a checkpoint: the same as long as it would come out the same."""
    used = given.samples if recipe.calibrated else None
    return key(given.identity, asdict(recipe), given.group if recipe.grouped else None, used, library)


def _made(store: Store, given: Material, recipe: Recipe, identity: str, told: Told) -> Mapping[str, Any]:
    began = time.monotonic()
    record = {
        "identity": identity,
        "model": given.order.model,
        "revision": given.order.revision,
        "method": recipe.method,
        "scheme": recipe.scheme,
        "by": compressor.version(),
    }
    with store.making(recipe.method) as (folder, finish):
        compressor.compress(given.folder, folder, recipe, given.group, given.samples, told)
        if (found := precision(described(folder)[0].quantization)) != recipe.makes:
            raise Refused(
                f"{recipe.method}: llm-compressor made {found}, expected was {recipe.makes}; use version 0.14"
            )
        done = {**record, "seconds": round(time.monotonic() - began, 1)}
        finish(done)
    reference.let_go()
    return done


def _observed(store: Store, given: Material, folder: Path, identity: str, told: Told) -> Observed:
    """What a model makes of what it is shown: looked up, or looked at and kept."""
    own = given.engine
    name = key(identity, own.name if own else reference.version(), asdict(given.shown))
    found = store.observed(name)
    if found is None:
        seen = (folder, given.shown, told)
        found = engine.observe(own, *seen) if own else reference.observe(*seen)
        reference.let_go()
        store.keep(name, found)
    return found


def _described(folder: Path, recipe: Recipe | None, seconds: float, found: Quality) -> Made:
    return Made(
        method=recipe.method if recipe else "",
        folder=str(folder),
        bytes=size(folder),
        precision=str(precision(described(folder)[0].quantization)),
        requirement=recipe.requirement if recipe else UNQUANTIZED,
        seconds=seconds,
        quality=found,
    )


def _teller(tell: Tell, subject: str) -> Told:
    return lambda doing, done, of: tell(Step(subject=subject, doing=doing, done=done, of=of))
