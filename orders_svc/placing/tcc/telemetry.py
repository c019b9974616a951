"""What the coordinator tells Prometheus."""

from prometheus_client import Counter, Histogram

PHASE_SECONDS = Histogram(
    "tcc_phase_seconds",
    "Asking both participants in one phase, until both have answered or failed",
    ["phase"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
ENDED = Counter("tcc_transactions_total", "Transactions closed, by how they ended", ["outcome"])
HEURISTICS = Counter("tcc_heuristics_total", "Decisions that a participant has not carried out, by kind", ["kind"])
TAKEN_UP = Counter("tcc_taken_up_total", "Open transactions that a sweep took up, by what was decided", ["phase"])
