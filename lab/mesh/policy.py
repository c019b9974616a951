"""The lab's DestinationRule and VirtualService (``deploy/istio``) in Envoy's own terms, as Istio translates them.

| Istio | Envoy |
|---|---|
| tcp.maxConnections | circuit_breakers.thresholds.max_connections |
| http.http1MaxPendingRequests | circuit_breakers.thresholds.max_pending_requests |
| http.maxRetries | circuit_breakers.thresholds.max_retries: how many may be under way, not how many a request gets |
| http.maxRequestsPerConnection | common_http_protocol_options.max_requests_per_connection |
| outlierDetection.consecutive5xxErrors | outlier_detection.consecutive_5xx |
| outlierDetection.interval, baseEjectionTime, maxEjectionPercent | the same, in snake_case |
| outlierDetection.minHealthPercent, not set: 0 | common_lb_config.healthy_panic_threshold: 0 |
| VirtualService timeout, retries | the route's timeout and retry_policy |
"""

from typing import Any

Json = dict[str, Any]

_PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_NO_LIMIT = 2**32 - 1
_BEFORE_IT_WAS_BEGUN = "connect-failure,refused-stream,unavailable,cancelled"
"""The VirtualService's retryOn (Istio's default since 1.24; before, also 503): failures in which the service has not
seen the request. A try that took too long, or was answered with an error, is not among them."""


def connection_pool(
    *, max_connections: int = 1, max_pending_requests: int = 1, max_retries: int = 3, requests_per_connection: int = 1
) -> Json:
    """trafficPolicy.connectionPool: for a cluster. The limits hold for each sidecar by itself."""
    limits = {
        "max_connections": max_connections,
        "max_pending_requests": max_pending_requests,
        "max_requests": _NO_LIMIT,
        "max_retries": max_retries,
    }
    return {
        "circuit_breakers": {"thresholds": [limits]},
        **_protocol({"max_requests_per_connection": requests_per_connection}),
    }


def outlier_detection(*, consecutive_5xx: int = 5, interval: float = 1, ejection_seconds: float = 30) -> Json:
    """trafficPolicy.outlierDetection: for a cluster. A connection that fails counts as a 5xx. A host that is ejected
    right after another ejection stays out for longer, up to 300 s. Without the panic threshold of 0 Envoy would send
    traffic to ejected hosts, once few others are left."""
    return {
        "outlier_detection": {
            "consecutive_5xx": consecutive_5xx,
            "enforcing_consecutive_5xx": 100,
            "enforcing_consecutive_gateway_failure": 0,
            "enforcing_success_rate": 0,
            "interval": _seconds(interval),
            "base_ejection_time": _seconds(ejection_seconds),
            "max_ejection_time": _seconds(300),
            "max_ejection_percent": 100,
        },
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    }


def unlimited() -> Json:
    """A cluster to which no DestinationRule applies."""
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), _NO_LIMIT)
    return {"circuit_breakers": {"thresholds": [limits]}, **_protocol({})}


def patience(*, timeout: float = 3, attempts: int = 3, per_try_timeout: float = 2) -> Json:
    """The VirtualService's rule: for a route. ``attempts`` come after the first try."""
    return {
        "timeout": _seconds(timeout),
        "retry_policy": {
            "retry_on": _BEFORE_IT_WAS_BEGUN,
            "num_retries": attempts,
            "per_try_timeout": _seconds(per_try_timeout),
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
                }
            ],
            "host_selection_retry_max_attempts": 5,
        },
    }


def inbound() -> Json:
    """For the route from a sidecar to the service beside it: as long as it takes, and again only if the service cannot
    have seen the request (its connection was closing)."""
    return {"timeout": "0s", "retry_policy": {"retry_on": "reset-before-request", "num_retries": 2}}


def _protocol(common: Json) -> Json:
    options = {
        **typed(_PROTOCOL),
        "common_http_protocol_options": common,
        "explicit_http_config": {"http_protocol_options": {}},
    }
    return {"typed_extension_protocol_options": {_PROTOCOL: options}}


def typed(name: str) -> Json:
    """The beginning of one of Envoy's extension messages."""
    return {"@type": f"type.googleapis.com/{name}"}


def _seconds(value: float) -> str:
    """A protobuf duration."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"
