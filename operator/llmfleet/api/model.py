"""The model to serve: where it comes from, which of its files, where they are kept. A change makes a new revision."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from llmfleet.api.cache import Cache
from llmfleet.api.fields import LIST_SET, PATH_PART, ObjectName, Resource, rule, rules

REVISION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"
GLOB_PATTERN = r"^[A-Za-z0-9_*?\[][A-Za-z0-9_.*?\[\]!/+-]*$"
_SEGMENT = "[A-Za-z0-9_][A-Za-z0-9._-]*"
_CLAIM = "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_HOST = "[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
_BUCKET = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_HUB = f"hf://{_SEGMENT}(/{_SEGMENT})?"
_MOUNTED = f"pvc://{_CLAIM}(/{_SEGMENT})+|file://(/{_SEGMENT})+"
_GOOGLE_BUCKET = "[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]"
_STORED = f"(s3://{_BUCKET}|gs://{_GOOGLE_BUCKET})(/{_SEGMENT})*"
_WEB = f"https?://{_HOST}(/{_SEGMENT})*/{_SEGMENT}[.](tar|tar[.]gz|tgz)"
_DIGEST = "sha256:[0-9a-f]{64}"
_REGISTRY = f"oci://{_HOST}(/{PATH_PART})+(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@{_DIGEST})?"
_FETCHED = "self.uri.matches('^(hf|s3|gs|oci|https?)://')"
_CREDENTIALED = "self.uri.matches('^(hf|s3|gs|oci)://')"
_ON_THE_WEB = "self.uri.matches('^https?://')"


def model_uri_rule() -> JsonDict:
    """Refuses an address that no pod can fetch a model from."""
    return rules(
        rule(
            f"self.matches('^({_HUB}|{_MOUNTED}|{_STORED}|{_REGISTRY}|{_WEB})$')",
            "must be hf://ORG/NAME, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, oci://HOST/REPOSITORY with a tag or "
            "digest, http://HOST/PATH.tar, https://HOST/PATH.tar (or .tar.gz, .tgz), pvc://CLAIM/PATH or "
            "file:///PATH-IN-THE-IMAGE, without user info or query",
        )
    )


def adapter_uri_rule() -> JsonDict:
    """Refuses an address that no pod can copy an adapter from."""
    return rules(
        rule(
            f"self.matches('^({_HUB}|{_MOUNTED})$')",
            "must be hf://ORG/NAME, pvc://CLAIM/PATH or file:///PATH-IN-THE-IMAGE, without user info",
        )
    )


class Credentials(Resource):
    """A Secret of this namespace; the pods read it, the operator never does."""

    secret_name: ObjectName = Field(
        description="Name of the Secret. For hf:// its key HF_TOKEN holds the hub's token; for s3:// its keys "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY and, where the store needs them, AWS_SESSION_TOKEN, AWS_REGION "
        "and AWS_ENDPOINT_URL; for gs:// its key GOOGLE_CREDENTIALS holds the JSON of a service account's key; for "
        "oci:// it is of type kubernetes.io/dockerconfigjson. Pods that run keep what they started with."
    )


class Task(StrEnum):
    """What a model is asked to do."""

    GENERATE = "Generate"
    EMBED = "Embed"
    SCORE = "Score"


_ASKS_NO_TOKENS = f"has(self.model.task) && self.model.task in ['{Task.EMBED}', '{Task.SCORE}']"
_TARGETS = "has(self.autoscaling) && has(self.autoscaling.targets)"

SPEC_RULES = tuple(
    rule(
        f"!({_ASKS_NO_TOKENS}) || !({_TARGETS}) || !has(self.autoscaling.targets.{target})",
        f"autoscaling.targets.{target} does not go with model.task Embed or Score: they make no tokens; use queueDepth",
    )
    for target in ("timeToFirstToken", "timePerOutputToken", "kvCacheUtilizationPercent")
)
"""What the spec alone tells about the task."""

Glob = Annotated[str, Field(min_length=1, max_length=128, pattern=GLOB_PATTERN)]


class Files(Resource):
    """Which files below the address are fetched, by shell patterns over their paths; * also crosses folders."""

    include: tuple[Glob, ...] = Field(
        default=(),
        max_length=32,
        description="Only files that match one of these; names one of several GGUF files, too. Default: whatever an "
        "engine needs. Files that may hold code are never fetched.",
        examples=[["*.safetensors", "*.json"]],
        json_schema_extra=LIST_SET,
    )
    exclude: tuple[Glob, ...] = Field(
        default=(),
        max_length=32,
        description="No file that matches one of these. Default: none is left out.",
        examples=[["original/*"]],
        json_schema_extra=LIST_SET,
    )


class Model(Resource):
    """The model to serve."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.revision) || self.uri.startsWith('hf://')",
                "revision is for hf:// models only; remove it",
                "self.revision + ' with ' + self.uri",
            ),
            rule(
                f"!has(self.credentials) || {_CREDENTIALED}",
                "credentials are for hf://, s3://, gs:// and oci:// models only; remove them",
                "self.uri",
            ),
            rule(
                f"!has(self.files) || {_FETCHED}",
                "files is for hf://, s3://, gs://, oci://, http:// and https:// models only; remove it",
                "self.uri",
            ),
            rule(
                f"has(self.sha256) == {_ON_THE_WEB}",
                "sha256 and an http:// or https:// address go together; give the archive's checksum (sha256sum FILE), "
                "or remove it",
                "self.uri",
            ),
        )
    )

    uri: Annotated[str, Field(min_length=6, max_length=512)] = Field(
        description="Where the model is: hf://ORG/NAME on a hub, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX in an object "
        "store, oci://HOST/REPOSITORY:TAG or @sha256:… in a registry (an artifact, or an image with the model in "
        "/models; all pods of a revision serve what a tag meant when the model was inspected), https://HOST/PATH.tar "
        "on the web, pvc://CLAIM/PATH on a volume claim of this namespace, file:///PATH inside the image. "
        "A change makes a new revision.",
        examples=["hf://Qwen/Qwen3-8B"],
        json_schema_extra=model_uri_rule(),
    )
    revision: Annotated[str, Field(min_length=1, max_length=128, pattern=REVISION_PATTERN)] | None = Field(
        default=None,
        description="Commit, tag or branch on the hub; hf:// only. All pods of a revision serve the commit that the "
        "inspection of the model found there. Default: the hub's main branch.",
    )
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", max_length=64)] | None = Field(
        default=None,
        description="What the archive's bytes must add up to, 64 hex digits; http:// and https:// only, and always "
        "there. Default: none.",
    )
    files: Files | None = Field(
        default=None, description="Which of the model's files are fetched. Default: whatever an engine needs."
    )
    task: Task | None = Field(
        default=None,
        description="What it does, and nothing else: Generate text, Embed texts as vectors (/v1/embeddings), or Score "
        "pairs of texts (/score, /rerank; a model that embeds compares vectors). One that cannot never becomes ready. "
        "Default: what it was made for.",
    )
    served_names: tuple[
        Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")], ...
    ] = Field(
        default=(),
        max_length=16,
        description="Model names clients may ask for. Default: the name of this object.",
        json_schema_extra=LIST_SET,
    )
    credentials: Credentials | None = Field(
        default=None, description="What a private model needs to be downloaded. Default: nothing."
    )
    cache: Cache = Field(default=Cache(), description="Where downloads and compiled kernels are kept.")
