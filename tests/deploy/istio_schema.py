"""The fields that Istio's ``networking.istio.io/v1`` has for what is in ``deploy/istio``, after its reference pages for
DestinationRule and VirtualService. Strict: a field that Istio does not know there, or of another type, is an error; so
is one that is deprecated."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Duration = Annotated[str, StringConstraints(pattern=r"^(\d+(\.\d+)?(ms|s|m|h))+$")]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Percent = Annotated[int, Field(ge=0, le=100)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TcpSettings(Strict):
    maxConnections: Count | None = None
    connectTimeout: Duration | None = None
    idleTimeout: Duration | None = None
    maxConnectionDuration: Duration | None = None


class HttpSettings(Strict):
    http1MaxPendingRequests: Count | None = None
    http2MaxRequests: Count | None = None
    maxRequestsPerConnection: Count | None = None
    maxRetries: Count | None = None
    maxConcurrentStreams: Count | None = None
    idleTimeout: Duration | None = None
    h2UpgradePolicy: Literal["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"] | None = None
    useClientProtocol: bool | None = None


class ConnectionPool(Strict):
    tcp: TcpSettings | None = None
    http: HttpSettings | None = None


class OutlierDetection(Strict):
    consecutive5xxErrors: Count | None = None
    consecutiveGatewayErrors: Count | None = None
    consecutiveLocalOriginFailures: Count | None = None
    splitExternalLocalOriginErrors: bool | None = None
    interval: Duration | None = None
    baseEjectionTime: Duration | None = None
    maxEjectionPercent: Percent | None = None
    minHealthPercent: Percent | None = None


class TrafficPolicy(Strict):
    connectionPool: ConnectionPool | None = None
    outlierDetection: OutlierDetection | None = None


class DestinationRuleSpec(Strict):
    host: Host
    trafficPolicy: TrafficPolicy | None = None
    exportTo: list[str] | None = None


class Port(Strict):
    number: Annotated[int, Field(ge=1, le=65535)]


class Destination(Strict):
    host: Host
    subset: str | None = None
    port: Port | None = None


class RouteDestination(Strict):
    destination: Destination
    weight: Count | None = None


class Retries(Strict):
    attempts: Count
    perTryTimeout: Duration | None = None
    retryOn: str | None = None
    backoff: Duration | None = None
    retryRemoteLocalities: bool | None = None
    retryIgnorePreviousHosts: bool | None = None


class HttpRoute(Strict):
    name: str | None = None
    route: Annotated[list[RouteDestination], Field(min_length=1)]
    timeout: Duration | None = None
    retries: Retries | None = None


class VirtualServiceSpec(Strict):
    hosts: Annotated[list[Host], Field(min_length=1)]
    http: Annotated[list[HttpRoute], Field(min_length=1)]
    exportTo: list[str] | None = None


class Metadata(Strict):
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=253)]
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class DestinationRule(Strict):
    apiVersion: Literal["networking.istio.io/v1"]
    kind: Literal["DestinationRule"]
    metadata: Metadata
    spec: DestinationRuleSpec


class VirtualService(Strict):
    apiVersion: Literal["networking.istio.io/v1"]
    kind: Literal["VirtualService"]
    metadata: Metadata
    spec: VirtualServiceSpec
