"""Keys go to the partitions that every other Kafka client would choose."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from events.partitioning import partition_of


@given(st.binary(max_size=70), st.integers(1, 50))
def test_the_partition_of_a_key_is_that_of_the_default_partitioner(key: bytes, partitions: int) -> None:
    numbers = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, numbers, numbers)
