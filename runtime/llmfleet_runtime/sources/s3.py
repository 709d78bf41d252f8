"""S3 and what speaks its language, by boto3, which finds endpoint, region and keys: AWS_ variables come first."""

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ResponseStreamingError
from urllib3.exceptions import HTTPError

from llmfleet_runtime.source import DownloadReason, SourceRefused

from .digest import of_s3
from .store import File, Interrupted, Listing, Store

CHUNK_BYTES = 2**20
CONNECTIONS = 16
DENIED = ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "AllAccessDisabled")
ABSENT = ("NoSuchBucket", "NoSuchKey", "404", "InvalidBucketName")


class S3Store(Store):
    """The objects below a prefix."""

    pinned: str | None = None

    def __init__(self, uri: str) -> None:
        """``uri`` is s3://BUCKET/PREFIX."""
        self._bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        session = boto3.Session()
        settings: dict[str, Any] = {"max_pool_connections": CONNECTIONS, "connect_timeout": 10, "read_timeout": 30}
        if os.environ.get("AWS_ENDPOINT_URL"):
            # What else speaks S3 seldom has a host name for each bucket.
            settings["s3"] = {"addressing_style": "path"}
        if session.get_credentials() is None:
            settings["signature_version"] = UNSIGNED
        self._client = session.client("s3", config=Config(retries={"mode": "standard"}, **settings))

    def listing(self) -> Listing:
        """The objects now; the commit is over their names, sizes and entity tags."""
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            found = [each for page in pages for each in page.get("Contents", ())]
        except (ClientError, BotoCoreError) as error:
            raise self._refused(error) from error
        there = sorted((each["Key"], each["Size"], each["ETag"]) for each in found if not each["Key"].endswith("/"))
        commit = hashlib.sha256(repr(there).encode()).hexdigest()[:40]
        return Listing(
            commit, tuple(File(key.removeprefix(self._prefix), size, key=f"{key}\0{tag}") for key, size, tag in there)
        )

    def stream(self, file: File, start: int, end: int) -> Iterator[bytes]:
        """See ``Store``. An object that was replaced meanwhile is refused, so that no file is half of each."""
        key, _, tag = file.key.partition("\0")
        wanted = {"Bucket": self._bucket, "Key": key, "Range": f"bytes={start}-{end - 1}", "IfMatch": tag}
        try:
            body = self._client.get_object(**wanted)["Body"]
            yield from body.iter_chunks(CHUNK_BYTES)
        except ClientError as error:
            refused = self._refused(error)
            if refused.reason is DownloadReason.FAILED:
                raise Interrupted(str(refused)) from error
            raise refused from error
        except (BotoCoreError, ResponseStreamingError, HTTPError, OSError) as error:
            raise Interrupted(str(error)) from error

    def digest(self, file: File) -> str | None:
        """See ``Store``; a request each."""
        key, _, tag = file.key.partition("\0")
        try:
            told = self._client.head_object(Bucket=self._bucket, Key=key, IfMatch=tag, ChecksumMode="ENABLED")
        except (ClientError, BotoCoreError) as error:
            raise self._refused(error) from error
        return of_s3(told, tag, self._bucket)

    def _refused(self, error: Exception) -> SourceRefused:
        told: dict[str, Any] = error.response.get("Error", {}) if isinstance(error, ClientError) else {}
        code, words = told.get("Code", ""), told.get("Message") or str(error)
        if code in DENIED:
            words = f"s3://{self._bucket} refuses access: {words}"
            return SourceRefused(DownloadReason.ACCESS_DENIED, words)
        if code in ABSENT:
            return SourceRefused(DownloadReason.NOT_FOUND, f"s3://{self._bucket}: {words}")
        return SourceRefused(DownloadReason.FAILED, f"s3://{self._bucket}: {words}")
