"""Whether a file is what its source promised. A digest is written as registries do, ALGORITHM:HEX."""

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .store import File

CHECKSUMS = ("SHA256", "CRC32C", "CRC32", "SHA1")
"""Of those that S3 keeps what can be computed here; CRC64NVME needs Amazon's own runtime."""
MD5 = re.compile("[0-9a-f]{32}")
DIRECTORY_BUCKET = "--x-s3"


class _Sum:
    """What hashlib calls a hash, over a function of new bytes and the sum before."""

    def __init__(self, extended: Callable[[bytes, int], int]) -> None:
        self._extended, self._sum = extended, 0

    def update(self, data: memoryview) -> None:
        self._sum = self._extended(bytes(data), self._sum)

    def hexdigest(self) -> str:
        return f"{self._sum:08x}"


def mismatch(path: Path, file: File, digest: str | None) -> str:
    """What is wrong with the bytes, in words; "" when nothing is, or the source promises nothing."""
    if digest is None:
        return ""
    algorithm, _, wanted = digest.partition(":")
    with path.open("rb") as opened:
        found = hashlib.file_digest(opened, lambda: _running(algorithm)).hexdigest()
    return "" if found == wanted else f"{file.name} has the {algorithm} {found} and should have {wanted}"


def of_s3(told: Mapping[str, Any], tag: str, bucket: str) -> str | None:
    """What S3 promises of an object, from its answer about it: a checksum over all of it, else a tag that is an MD5.

    None for what was uploaded in parts and has but a sum of sums, or CRC64NVME; for objects under a key of the user's;
    and in directory buckets, whose tags are no MD5. (Amazon S3: "Checking object integrity", the field ``ETag``.)
    """
    for algorithm in CHECKSUMS:
        found = told.get(f"Checksum{algorithm}", "-")
        if "-" not in found and told.get("ChecksumType") != "COMPOSITE":
            return f"{algorithm.lower()}:{base64.b64decode(found).hex()}"
    tag = tag.strip('"')
    is_plain = told.get("ServerSideEncryption") in (None, "AES256") and not bucket.endswith(DIRECTORY_BUCKET)
    return f"md5:{tag}" if is_plain and MD5.fullmatch(tag) else None


def _running(algorithm: str) -> Any:
    if algorithm == "crc32":
        return _Sum(zlib.crc32)
    if algorithm == "crc32c":
        from google_crc32c import extend  # noqa: PLC0415 because only the stores' clients bring it

        return _Sum(lambda data, before: extend(before, data))
    return hashlib.new(algorithm, usedforsecurity=False)
