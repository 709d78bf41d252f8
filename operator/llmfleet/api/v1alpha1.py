"""``llmfleet.io/v1alpha1`` LLMDeployment: what users write. The CRD and the field reference come from here.

Descriptions are what ``kubectl explain`` prints. Defaults live here and not in the schema: a schema default
would be written into fleets that were sized by another field owner (kubernetes/kubernetes#67135).
"""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from llmfleet import names
from llmfleet.api import engines, model, quantization, tuning
from llmfleet.api.access import Access
from llmfleet.api.autoscaling import Autoscaling
from llmfleet.api.fields import Annotations, Resource, no_reserved_keys, rule, rules, well_formed_keys
from llmfleet.api.lora import Lora
from llmfleet.api.model import Model
from llmfleet.api.placement import Pod
from llmfleet.api.quantization import Quantization
from llmfleet.api.rollout import Disruption, Rollout
from llmfleet.api.workload import Accelerator, Engine, Resources


class Lifecycle(Resource):
    """How long starting and leaving may take."""

    startup_timeout_seconds: Annotated[int, Field(ge=10, le=86_400)] = Field(
        default=1200,
        description="Longest start of a pod before it is restarted, the model's download included, seconds; what was "
        "downloaded is kept. A change makes a new revision. "
        "Default: 1200.",
    )
    drain_timeout_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=120,
        description="Longest time a leaving pod finishes its requests, seconds; reaches running pods. Default: 120.",
    )


class Service(Resource):
    """The ClusterIP Service in front of the pods; it has the name of this object."""

    model_config = ConfigDict(json_schema_extra=rules(well_formed_keys("annotations"), no_reserved_keys("annotations")))

    port: Annotated[int, Field(ge=1, le=65_535)] = Field(
        default=8000, description="Port of the Service. Default: 8000."
    )
    annotations: Annotations | None = Field(default=None, description="Annotations of the Service.")


class Spec(Resource):
    """The fleet that should be."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.autoscaling) || !has(oldSelf.autoscaling) || !has(self.replicas) || "
                "(has(self.autoscaling.mode) && self.autoscaling.mode == 'Observe') || "
                "(has(oldSelf.replicas) && self.replicas == oldSelf.replicas)",
                "replicas is ignored while autoscaling is set; change autoscaling.minReplicas and maxReplicas instead",
            ),
            rule(
                "!has(self.lora) || !has(self.lora.adapters) || "
                "self.lora.adapters.all(a, self.model.uri.startsWith(a.uri.find('^pvc://[^/]+/')))",
                "lora.adapters: a pvc:// adapter must be on the claim of model.uri, the only one that pods mount",
            ),
            *engines.SPEC_RULES,
            *model.SPEC_RULES,
            *quantization.SPEC_RULES,
            *tuning.SPEC_RULES,
        )
    )

    model: Model = Field(description="The model to serve and the names clients know it by.")
    engine: Engine = Field(default=Engine(), description="The server program in each pod.")
    quantization: Quantization = Field(default=Quantization(), description="What the served weights must be.")
    lora: Lora | None = Field(default=None, description="LoRA adapters. Default: the engine takes none.")
    accelerator: Accelerator = Field(default=Accelerator(), description="The device each replica asks for.")
    resources: Resources = Field(default=Resources(), description="CPU, memory and disk of each replica.")
    pod: Pod = Field(default=Pod(), description="How pods are placed and marked.")
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        default=None,
        description="Number of replicas, 0 to 1000; ignored, and said so, while autoscaling is enforced. "
        "Default: 1 at creation, then the current size.",
    )
    autoscaling: Autoscaling | None = Field(default=None, description="Size by load instead of by a number.")
    rollout: Rollout = Field(default=Rollout(), description="How a new revision replaces the old one.")
    lifecycle: Lifecycle = Field(default=Lifecycle(), description="How long starting and leaving may take.")
    disruption: Disruption = Field(default=Disruption(), description="What a node drain may take at once.")
    service: Service = Field(default=Service(), description="The Service in front of the pods.")
    access: Access | None = Field(
        default=None,
        description="Who may connect to the pods: a NetworkPolicy, which the cluster's network plugin has to enforce. "
        "Default: no policy of ours.",
    )
    paused: bool = Field(
        default=False,
        description="Observe and report, touch nothing: also no scaling, unlike a paused Deployment. Default: false.",
    )


ROOT_RULES = (
    rule(
        f"self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= "
        f"{names.MAX_NAME_LENGTH}",
        f"metadata.name becomes the name of a Service: at most {names.MAX_NAME_LENGTH} characters, a-z, 0-9 and '-', "
        "starting with a letter",
        "self.metadata.name",
    ),
    rule(
        "!has(self.spec.lora) || !has(self.spec.lora.adapters) || self.spec.lora.adapters.all(a, "
        "has(self.spec.model.servedNames) && size(self.spec.model.servedNames) > 0 ? "
        "!(a.name in self.spec.model.servedNames) : a.name != self.metadata.name)",
        "spec.lora.adapters: a name that the base model is served by already; choose another, or set model.servedNames",
    ),
)


class LLMDeployment(Resource):
    """One served model: identity, generation and the parsed spec."""

    name: str
    namespace: str
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    spec: Spec

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Self:
        """Read an object as the API server gives it; pydantic's ValidationError when the spec breaks a rule."""
        metadata = raw["metadata"]
        return cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            resource_version=metadata.get("resourceVersion", ""),
            deleting="deletionTimestamp" in metadata,
            spec=Spec.model_validate(raw.get("spec", {})),
        )
