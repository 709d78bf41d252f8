"""LoRA adapters: the room that the engine keeps for them, which makes a revision, and the adapters, which do not."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from llmfleet.api.fields import Resource, list_map, rule, rules
from llmfleet.api.model import REVISION_PATTERN, adapter_uri_rule
from llmfleet_runtime.contract import ADAPTER_NAME_CHARACTERS, ADAPTER_NAME_PATTERN

MOST_ADAPTERS = 64
"""What each pod says of every adapter fits its status page."""
DEFAULT_ADAPTERS = 8

Rank = Literal[8, 16, 32, 64, 128, 256, 320, 512]
"""Those of the runtime's ``lora.RANKS``; a Literal takes no tuple."""


class Adapter(Resource):
    """One adapter: a model name of its own over the same base model."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.revision) || self.uri.startsWith('hf://')",
                "revision is for hf:// adapters only; remove it",
                "self.revision + ' with ' + self.uri",
            )
        )
    )

    name: Annotated[str, Field(min_length=1, max_length=ADAPTER_NAME_CHARACTERS, pattern=ADAPTER_NAME_PATTERN)] = Field(
        description="Model name clients ask for. An answer names the version that gave it, as NAME@VERSION.",
        examples=["sql"],
    )
    uri: Annotated[str, Field(min_length=6, max_length=512)] = Field(
        description="Where it is: hf://ORG/NAME on the hub, read with the token of model.credentials; "
        "pvc://CLAIM/PATH on the claim of model.uri; file:///PATH inside the image. Each pod copies it once: publish "
        "new weights under another path or revision.",
        examples=["hf://team/sql-lora"],
        json_schema_extra=adapter_uri_rule(),
    )
    revision: Annotated[str, Field(min_length=1, max_length=128, pattern=REVISION_PATTERN)] | None = Field(
        default=None,
        description="Commit, tag or branch on the hub; hf:// only. Default: the hub's main branch, looked up by each "
        "pod.",
    )


class Lora(Resource):
    """LoRA adapters; without this member the engine takes none."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.maxAdapters) || !has(self.adapters) || size(self.adapters) <= self.maxAdapters",
                "more adapters than maxAdapters; raise it, which makes a new revision, remove it, which leaves the "
                "room to the operator, or remove some adapters",
            ),
            rule(
                "!has(self.maxPerBatch) || !has(self.maxAdapters) || self.maxPerBatch <= self.maxAdapters",
                "maxPerBatch must not exceed maxAdapters",
            ),
        )
    )

    max_adapters: Annotated[int, Field(ge=1, le=MOST_ADAPTERS)] = Field(
        default=DEFAULT_ADAPTERS,
        description="Most adapters, 1 to 64: head-room that needs no new revision; a change makes one. "
        f"Default: {DEFAULT_ADAPTERS}. Left out, it grows to 16, 32 or 64 once there are more adapters, by a new "
        "revision; with fewer again it stays.",
    )
    max_per_batch: Annotated[int, Field(ge=1, le=MOST_ADAPTERS)] = Field(
        default=4,
        description="Most adapters in one batch of requests, never more than maxAdapters; each takes GPU memory. "
        "A change makes a new revision. Default: 4.",
    )
    max_rank: Rank = Field(
        default=16,
        description="Highest rank of an adapter; takes GPU memory. A change makes a new revision. Default: 16.",
    )
    adapters: tuple[Adapter, ...] = Field(
        default=(),
        max_length=MOST_ADAPTERS,
        description="What running pods serve, by name; a change reaches them without a restart.",
        json_schema_extra=list_map("name"),
    )
