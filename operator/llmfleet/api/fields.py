"""Field types of the resource: bounded strings, quantities, list maps, and where CEL rules attach."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

MAX_QUANTITY = 2**50
"""Largest quantity written as a bare number: 1Pi."""
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_KEY_NAME = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
KEY_PATTERN = f"^({_SUBDOMAIN}/)?{_KEY_NAME}$"
RESOURCE_PATTERN = f"^{_SUBDOMAIN}/{_KEY_NAME}$"
PATH_PART = "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*"
IMAGE_PATTERN = (
    f"^([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/)?{PATH_PART}(/{PATH_PART})*"
    "(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[a-f0-9]{64})?$"
)
"""An image reference as the container runtimes read it; what does not match, no kubelet could pull."""
TEXT_PATTERN = r"^[^\x00]*$"
"""Any text that the kernel can hand to a process."""
QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$"

Time = Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})]
Name = Annotated[str, Field(max_length=128)]
Text = Annotated[str, Field(max_length=1024)]
Count = Annotated[int, Field(ge=0)]
Percent = Annotated[int, Field(ge=0, le=100)]


class Resource(BaseModel):
    """A frozen part of the resource: camel case outside, unknown members refused."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid"
    )


def rule(expression: str, message: str, value: str = "") -> JsonDict:
    """One CEL rule with the message that says what to write instead.

    ``value`` is a CEL string that the message ends with: the API server prints the offending value of a scalar
    by itself, but not that of an object.
    """
    told = {"messageExpression": f'"{message}; given: " + {value}'} if value else {}
    return {"rule": expression, "message": message, **told}


def rules(*each: JsonDict) -> JsonDict:
    """CEL rules as the schema extension that the API server evaluates."""
    return {"x-kubernetes-validations": list(each)}


def at_least(floor: str, example: str) -> JsonDict:
    """Refuses a quantity below ``floor``: most often one whose unit was forgotten."""
    return rules(
        rule(
            f"quantity(string(self)).compareTo(quantity('{floor}')) >= 0",
            f"must be at least {floor}; give a unit, such as {example}",
        )
    )


def list_map(*keys: str) -> JsonDict:
    """A list whose entries are known by these members: duplicates are refused, appliers merge by key."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


LIST_SET: JsonDict = {"x-kubernetes-list-type": "set"}
LIST_ATOMIC: JsonDict = {"x-kubernetes-list-type": "atomic"}


def _quantity_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    BeforeValidator(_quantity_text),
    Field(pattern=QUANTITY_PATTERN, max_length=32),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "minimum": 0,
            "maximum": MAX_QUANTITY,
            "pattern": QUANTITY_PATTERN,
            "maxLength": 32,
        }
    ),
]
"""A Kubernetes quantity such as ``8``, ``500m`` or ``20Gi``; numbers are read as their text."""

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=f"^{_SUBDOMAIN}$")]
LabelKey = Annotated[str, Field(min_length=1, max_length=317, pattern=KEY_PATTERN)]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]
AnnotationValue = Annotated[str, Field(max_length=4096)]
Labels = Annotated[Mapping[str, LabelValue], Field(max_length=32)]
Annotations = Annotated[Mapping[str, AnnotationValue], Field(max_length=32)]

RESERVED_DOMAINS = ("llmfleet.io", "kubernetes.io", "k8s.io", "argocd.argoproj.io", "toolkit.fluxcd.io")


def no_reserved_keys(member: str) -> JsonDict:
    """Refuses label or annotation keys that the platform, a GitOps tool or we own."""
    owned = "|".join(domain.replace(".", "[.]") for domain in RESERVED_DOMAINS)
    return rule(
        f"!has(self.{member}) || self.{member}.all(k, !k.matches('^([^/]*[.])?({owned})/'))",
        f"{member}: keys under {', '.join(RESERVED_DOMAINS)} are set by their owners; use a domain of your own",
    )


def well_formed_keys(member: str) -> JsonDict:
    """Refuses map keys that the API server would refuse on a child: a schema cannot bound the keys of a map."""
    pattern = KEY_PATTERN.replace("\\.", "[.]")
    return rule(
        f"!has(self.{member}) || self.{member}.all(k, size(k) <= 317 && k.matches('{pattern}'))",
        f"{member}: keys are an optional DNS prefix and '/', then up to 63 letters, digits, '-', '_' or '.'",
    )
