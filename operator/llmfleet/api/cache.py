"""Where downloads and compiled kernels are kept. A change makes a new revision."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from llmfleet.api.fields import ObjectName, Quantity, Resource, at_least, rule, rules

PATH_PATTERN = "^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$"


class CacheType(StrEnum):
    """What the cache lies on."""

    EMPTY_DIR = "EmptyDir"
    PERSISTENT_VOLUME_CLAIM = "PersistentVolumeClaim"
    EPHEMERAL = "Ephemeral"
    HOST_PATH = "HostPath"


class ClaimCache(Resource):
    """A volume claim of this namespace, which every pod of the fleet writes to."""

    claim_name: ObjectName = Field(
        description="Name of the claim; access mode ReadWriteMany where pods run on several nodes."
    )


class EphemeralCache(Resource):
    """A volume of its own for each pod, made with the pod and deleted with it."""

    storage_class_name: ObjectName | None = Field(
        default=None, description="Storage class of the volumes. Default: the cluster's default class."
    )
    size: Quantity = Field(
        description="Size of each volume, bytes; at least 256Mi. Takes effect on new pods, so it may shrink, too.",
        examples=["200Gi"],
        json_schema_extra=at_least("256Mi", "200Gi"),
    )


class HostPathCache(Resource):
    """A folder of the node, for nodes whose disks outlive pods."""

    path: Annotated[str, Field(min_length=2, max_length=256, pattern=PATH_PATTERN)] = Field(
        description="The folder on each node: below one of the operator's hostPathCaches, there already, and writable "
        "by group 65532.",
        examples=["/mnt/models"],
    )


def _goes_with(member: str, type_: CacheType) -> JsonDict:
    return rule(
        f"has(self.{member}) == (has(self.type) && self.type == '{type_}')",
        f"{member} and type {type_} go together; give both or neither",
    )


class Cache(Resource):
    """Where downloads and compiled kernels are kept: a type and, but for EmptyDir, the member of that name."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            _goes_with("persistentVolumeClaim", CacheType.PERSISTENT_VOLUME_CLAIM),
            _goes_with("ephemeral", CacheType.EPHEMERAL),
            _goes_with("hostPath", CacheType.HOST_PATH),
        )
    )

    type: CacheType = Field(
        default=CacheType.EMPTY_DIR,
        description="EmptyDir: the node's disk, lost with the pod. PersistentVolumeClaim: a claim that pods share. "
        "Ephemeral: a volume for each pod. HostPath: a folder of the node, where the operator's settings allow it. "
        "Default: EmptyDir.",
    )
    persistent_volume_claim: ClaimCache | None = Field(
        default=None, description="The shared claim, with type PersistentVolumeClaim."
    )
    ephemeral: EphemeralCache | None = Field(default=None, description="The volume of each pod, with type Ephemeral.")
    host_path: HostPathCache | None = Field(default=None, description="The node's folder, with type HostPath.")
