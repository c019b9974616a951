"""What publishing and consuming tell Prometheus (served by each service's ``/metrics``). Times are in seconds."""

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)

OUTBOX_ROWS = Gauge("events_outbox_rows", "Events recorded and not yet acknowledged by Kafka", ["service"])
OUTBOX_AGE = Gauge("events_outbox_oldest_seconds", "Age of the oldest event in the outbox", ["service"])
RELAY_ACTIVE = Gauge("events_relay_active", "1 while this process's relay is the active one", ["service"])
PUBLISHED = Counter("events_published_total", "Events acknowledged by Kafka", ["service", "topic"])
REFUSED = Counter("events_refused_total", "Attempts to publish an event that Kafka refused", ["service", "topic"])
RELAY_BATCH = Histogram("events_relay_batch_events", "Events a batch of the relay", ["service"], buckets=_SIZES)
PUBLISH_SECONDS = Histogram("events_publish_seconds", "Sending a batch until all acks", ["service"], buckets=_FAST)

HANDLED = Counter("events_handled_total", "Events handled, effects committed", ["consumer", "type"])
SKIPPED = Counter("events_skipped_total", "Events of types that the consumer does not handle", ["consumer"])
DUPLICATES = Counter("events_duplicates_total", "Events that had been handled before", ["consumer"])
DEAD_LETTERS = Counter("events_dead_letters_total", "Events whose handling failed for good", ["consumer", "type"])
REQUEUED = Counter("events_requeued_total", "Requeued dead letters: handled, or failed again", ["consumer", "outcome"])
RETRIES = Counter("events_retries_total", "Batches tried again after a transient failure", ["consumer"])
LAG = Gauge("events_consumer_lag", "Events not yet handled", ["consumer", "topic", "partition"])
HEALTHY = Gauge("events_consumer_healthy", "1 while the consumer does its work", ["consumer"])
BATCH_EVENTS = Histogram("events_batch_events", "Events a handled batch", ["consumer"], buckets=_SIZES)
BATCH_SECONDS = Histogram("events_batch_seconds", "Handling a batch, with its commit", ["consumer"], buckets=_FAST)
STALENESS = Histogram("read_model_staleness_seconds", "Age of a change when copied", ["read_model"], buckets=_FAST)
PRUNED = Counter("events_pruned_total", "Bookkeeping rows deleted by age", ["table"])
