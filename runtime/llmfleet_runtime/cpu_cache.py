"""How large the CPU build's cache is made: the launcher says so to the engine, and the operator foretells it."""

MEBIBYTE = 2**20
LEAST_BYTES = 64 * MEBIBYTE
MOST_BYTES = 4096 * MEBIBYTE
UNLIMITED_BYTES = 256 * MEBIBYTE
SHARE = 8


def kv_cache_bytes(memory_bytes: int | None) -> int:
    """An eighth of the container's memory, 64 MiB to 4 GiB; of all processes together."""
    if memory_bytes is None:
        return UNLIMITED_BYTES
    return min(max(memory_bytes // SHARE, LEAST_BYTES), MOST_BYTES)
