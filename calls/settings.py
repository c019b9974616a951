"""What a service that asks others is told about its calls."""

from pydantic import Field

from kit.settings import ServiceSettings


class CallSettings(ServiceSettings):
    """``ServiceSettings``, plus how patient this service is with the others. All but the first are for the wirings
    ``chain-retry`` and ``chain-breaker``; the last six for ``chain-breaker`` only."""

    call_deadline_seconds: float = Field(
        default=3.0, gt=0, description="how long one call may take; chain-retry, chain-breaker: one order, all in all"
    )
    call_limit_ms: float = Field(default=2000, gt=0, description="how long one attempt may take; slower is a failure")
    retry_attempts: int = Field(default=3, ge=1, le=10, description="how often a call is made at most")
    retry_pause_ms: float = Field(default=50, ge=0, description="longest pause before the first repetition; doubles")
    retry_pause_most_ms: float = Field(default=1000, ge=0, description="longest pause at all")
    retry_budget: float = Field(default=0.2, ge=0, le=1, description="repetitions are at most this share of the calls")
    retry_burst: float = Field(default=10, ge=0, description="repetitions that a quiet link may have saved up")
    breaker_window: int = Field(default=50, ge=1, le=10_000, description="calls that the failure rate is taken over")
    breaker_calls: int = Field(default=20, ge=1, description="calls there must have been before a circuit opens")
    breaker_failure_rate: float = Field(default=0.5, gt=0, le=1, description="share of failed calls that opens it")
    breaker_open_seconds: float = Field(default=5.0, gt=0, description="how long until a probe is let through")
    bulkhead_calls: int = Field(default=100, ge=1, description="calls to one service at a time")
    bulkhead_wait_ms: float = Field(default=100, ge=0, description="how long a call waits for its place")
