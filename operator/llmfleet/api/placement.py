"""Where pods run and how they are marked."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from llmfleet.api.fields import (
    LIST_ATOMIC,
    LIST_SET,
    Annotations,
    LabelKey,
    Labels,
    LabelValue,
    ObjectName,
    Resource,
    list_map,
    no_reserved_keys,
    rule,
    rules,
    well_formed_keys,
)


class TolerationOperator(StrEnum):
    """How a toleration compares."""

    EQUAL = "Equal"
    EXISTS = "Exists"


class TaintEffect(StrEnum):
    """Which taints a toleration answers."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(Resource):
    """A taint that pods tolerate."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.key) || (has(self.operator) && self.operator == 'Exists')",
                "key may be absent only with operator Exists; give a key or set operator to Exists",
            ),
            rule(
                "!has(self.value) || !has(self.operator) || self.operator != 'Exists'",
                "operator Exists takes no value; remove value or set operator to Equal",
            ),
        )
    )

    key: LabelKey | None = Field(default=None, description="Taint key; absent with Exists means every taint.")
    operator: TolerationOperator | None = Field(default=None, description="Equal or Exists. Default: Equal.")
    value: LabelValue | None = Field(default=None, description="Taint value, with Equal.")
    effect: TaintEffect | None = Field(default=None, description="Taint effect. Default: every effect.")


class TopologySpread(Resource):
    """One topology over which pods spread where possible."""

    topology_key: LabelKey = Field(description="Node label that names the topology.")


class Pod(Resource):
    """How pods are placed and marked."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            well_formed_keys("labels"),
            no_reserved_keys("labels"),
            well_formed_keys("annotations"),
            no_reserved_keys("annotations"),
            well_formed_keys("nodeSelector"),
        )
    )

    labels: Labels | None = Field(default=None, description="Extra pod labels, keys of your own domain.")
    annotations: Annotations | None = Field(default=None, description="Extra pod annotations, keys of your own domain.")
    service_account_name: ObjectName | None = Field(
        default=None, description="Service account of the pods; its token is not mounted. Default: the namespace's."
    )
    image_pull_secrets: tuple[ObjectName, ...] = Field(
        default=(), max_length=8, description="Secrets for pulling images.", json_schema_extra=LIST_SET
    )
    priority_class_name: ObjectName | None = Field(default=None, description="Priority class of the pods.")
    runtime_class_name: ObjectName | None = Field(default=None, description="Container runtime class of the pods.")
    scheduler_name: ObjectName | None = Field(
        default=None, description="Scheduler of the pods. Default: the cluster's."
    )
    node_selector: Annotated[dict[str, LabelValue], Field(max_length=32)] | None = Field(
        default=None, description="Node labels that pods require."
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(), max_length=32, description="Taints that pods tolerate.", json_schema_extra=LIST_ATOMIC
    )
    topology_spread: tuple[TopologySpread, ...] = Field(
        default=(),
        max_length=4,
        description="Topologies over which pods spread where possible. Default: node.",
        json_schema_extra=list_map("topologyKey"),
    )
