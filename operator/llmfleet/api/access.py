"""Who may connect to the pods. Changes restart no pod."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import ConfigDict, Field

from llmfleet.api.fields import LIST_ATOMIC, LabelValue, Resource, rule, rules, well_formed_keys

SelectedLabels = Annotated[Mapping[str, LabelValue], Field(max_length=8)]


class Peer(Resource):
    """Pods that may connect: those with these labels, in namespaces with those."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.namespaceLabels) || has(self.podLabels)",
                "give namespaceLabels, podLabels or both; an empty map selects every namespace or every pod",
            ),
            well_formed_keys("namespaceLabels"),
            well_formed_keys("podLabels"),
        )
    )

    namespace_labels: SelectedLabels | None = Field(
        default=None,
        description="Labels of the namespaces that the pods are in; an empty map is every namespace. "
        "Default: this namespace only.",
    )
    pod_labels: SelectedLabels | None = Field(
        default=None, description="Labels of the pods; an empty map is every pod. Default: every pod."
    )


class Access(Resource):
    """Who may connect to the pods."""

    sources: tuple[Peer, ...] = Field(
        alias="from",
        max_length=16,
        description="Pods that may send requests; an empty list is nobody. Status and metrics stay open to the "
        "operator's namespace and to the monitoring namespaces of its settings, and the kubelet's probes always pass.",
        json_schema_extra=LIST_ATOMIC,
    )
