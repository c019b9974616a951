"""Which partition a key belongs to: the same one as every Kafka client in every language says."""

from struct import unpack_from

_SEED, _M, _MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's default partitioner: murmur2 of the key, made positive, modulo the number of partitions.

    The same as aiokafka's own (a test compares them), at less CPU: the key is read four bytes at a time.
    """
    length = len(key)
    words = length >> 2
    hashed = _SEED ^ length
    for word in unpack_from(f"<{words}I", key):
        word = word * _M & _MASK
        word = (word ^ word >> 24) * _M & _MASK
        hashed = (hashed * _M & _MASK) ^ word
    rest = key[words << 2 :]
    if rest:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * _M & _MASK
    hashed = (hashed ^ hashed >> 13) * _M & _MASK
    hashed ^= hashed >> 15
    return (hashed & 0x7FFFFFFF) % partitions
