"""What a participant in two-phase commit counts."""

from prometheus_client import Counter, Gauge

REFUSED = Counter(
    "two_phase_refused_total",
    "Requests answered with 503: no place for another prepared transaction (admission), or a locked row (lock)",
    ["reason"],
)
FINISHED = Counter("two_phase_finished_total", "Prepared transactions finished here, by how", ["how"])
RECOVERED = Counter(
    "two_phase_recovered_total", "Transactions in doubt that were finished after asking the coordinator", ["how"]
)
IN_DOUBT = Gauge("two_phase_in_doubt", "Transactions prepared here at the last look, decided or not")
OLDEST = Gauge("two_phase_in_doubt_oldest_seconds", "Age of the oldest of them")
