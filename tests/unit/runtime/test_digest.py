"""sources/digest.py: what a source promises of a file's bytes, and whether they are those."""

import hashlib
import zlib

import pytest

from llmfleet_runtime.sources.digest import mismatch, of_s3
from llmfleet_runtime.sources.store import File

BYTES = b"weights" * 100_000
TAG = hashlib.md5(BYTES).hexdigest()


@pytest.mark.parametrize(
    "digest",
    [f"{name}:{hashlib.new(name, BYTES).hexdigest()}" for name in ("md5", "sha1", "sha256", "sha512")]
    + [f"crc32:{zlib.crc32(BYTES):08x}"],
)
def test_a_changed_bit_is_noticed_by_each_digest(tmp_path, digest):
    path = tmp_path / "weights"
    path.write_bytes(BYTES)
    assert mismatch(path, File("weights", len(BYTES)), digest) == ""
    path.write_bytes(BYTES[:-1] + b"t")
    words = mismatch(path, File("weights", len(BYTES)), digest)
    assert words.startswith(f"weights has the {digest.partition(':')[0]} ")
    assert words.endswith(f" and should have {digest.partition(':')[2]}")


def test_where_nothing_is_promised_nothing_is_wrong(tmp_path):
    assert mismatch(tmp_path / "absent", File("weights", 1), None) == ""


@pytest.mark.parametrize(
    ("told", "tag", "bucket", "digest"),
    [
        ({}, f'"{TAG}"', "models", f"md5:{TAG}"),
        ({"ServerSideEncryption": "AES256"}, f'"{TAG}"', "models", f"md5:{TAG}"),
        ({"ServerSideEncryption": "aws:kms"}, f'"{TAG}"', "models", None),
        ({}, f'"{TAG}"', "models--use1-az4--x-s3", None),
        ({}, f'"{TAG}-3"', "models", None),
        ({"ChecksumCRC32": "AAAAAQ=="}, f'"{TAG}"', "models", "crc32:00000001"),
        ({"ChecksumCRC32": "AAAAAQ==", "ChecksumType": "FULL_OBJECT"}, f'"{TAG}-3"', "models", "crc32:00000001"),
        ({"ChecksumCRC32": "AAAAAQ==-3", "ChecksumType": "COMPOSITE"}, f'"{TAG}-3"', "models", None),
        ({"ChecksumSHA256": "AAE=", "ChecksumCRC32C": "AAAAAQ=="}, f'"{TAG}"', "models", "sha256:0001"),
        ({"ChecksumCRC64NVME": "AAAAAAAAAAE="}, f'"{TAG}-3"', "models", None),
        ({"ChecksumCRC64NVME": "AAAAAAAAAAE="}, f'"{TAG}"', "models", f"md5:{TAG}"),
    ],
)
def test_of_an_object_the_checksum_over_all_of_it_counts_else_a_tag_that_is_its_md5(told, tag, bucket, digest):
    assert of_s3(told, tag, bucket) == digest
