"""Every constraint of a structural schema, and which of them a case speaks of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.integration.crd.casefile import Case

BOUNDS = ("minLength", "maxLength", "pattern", "minimum", "maximum", "enum", "maxItems", "maxProperties")


@dataclass(frozen=True)
class Constraint:
    """What the schema demands at a path: a bound, a required member, uniqueness, or a CEL rule."""

    at: str
    of: str
    allowed: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.at or 'object'} {self.of} {' '.join(self.allowed) if self.of == 'rule' else ''}".rstrip()

    def is_of(self, case: Case) -> bool:
        """Whether the case was written for this constraint."""
        if (case.at, case.of) != (self.at, self.of):
            return False
        return self.of != "rule" or all(part in self.allowed[0] for part in case.says)

    def expected(self, case: Case) -> tuple[str, ...]:
        """What a refusal of this constraint must say: the field and what is allowed."""
        if self.of.startswith("required"):
            member = self.of.partition(" ")[2]
            return (f"{case.path}.{member}".lstrip("."), "Required value")
        if self.of == "unique":
            return (case.path, "Duplicate value")
        return (case.path, *self.allowed)


def constraints(schema: dict[str, Any], at: str = "") -> Iterator[Constraint]:
    """Every constraint at and below a node; parents first."""
    yield from (Constraint(at, each, _allowed(schema[each])) for each in BOUNDS if each in schema)
    yield from (Constraint(at, f"required {each}", ()) for each in schema.get("required", ()))
    if schema.get("x-kubernetes-list-type") in ("set", "map"):
        yield Constraint(at, "unique", ())
    yield from (Constraint(at, "rule", (rule["message"],)) for rule in schema.get("x-kubernetes-validations", ()))
    for path, each in _below(schema, at):
        yield from constraints(each, path)


def _allowed(bound: object) -> tuple[str, ...]:
    return tuple(map(str, bound)) if isinstance(bound, list) else (str(bound),)


def _below(schema: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in schema.get("properties", {}).items():
        if (at, name) != ("", "status"):
            yield f"{at}.{name}".lstrip("."), each
    if "items" in schema:
        yield f"{at}[]", schema["items"]
    if "additionalProperties" in schema:
        yield f"{at}.*", schema["additionalProperties"]
