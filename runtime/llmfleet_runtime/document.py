"""What every document of the contract is: frozen, camel-case JSON, open to members it does not know."""

import json

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    """A frozen JSON document with camel-case members; unknown members are ignored."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore"
    )

    def to_json(self) -> str:
        """Canonical JSON: sorted members, no absent ones, so that equal documents are equal bytes."""
        return json.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=True)
