"""The fields that KEDA's ``keda.sh/v1alpha1`` has for what is in ``deploy/kubernetes``, after its reference pages for
ScaledObject, TriggerAuthentication, and the scalers ``kafka`` and ``cpu``. Strict: a field or parameter that KEDA does
not know there, or of another type, is an error."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Number = Annotated[str, StringConstraints(pattern=r"^[1-9]\d*$")]
Switch = Literal["true", "false"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Metadata(Strict):
    name: Name
    namespace: Name | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class ScaleTarget(Strict):
    name: Name
    apiVersion: str | None = None
    kind: str | None = None
    envSourceContainerName: str | None = None


class Fallback(Strict):
    failureThreshold: Count
    replicas: Count
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"] | None = None


class Policy(Strict):
    type: Literal["Pods", "Percent"]
    value: Annotated[int, Field(gt=0)]
    periodSeconds: Annotated[int, Field(gt=0, le=1800)]


class Rules(Strict):
    stabilizationWindowSeconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    selectPolicy: Literal["Max", "Min", "Disabled"] | None = None
    policies: list[Policy] | None = None


class Behavior(Strict):
    scaleUp: Rules | None = None
    scaleDown: Rules | None = None


class AutoscalerConfig(Strict):
    name: Name | None = None
    behavior: Behavior | None = None


class Advanced(Strict):
    restoreToOriginalReplicaCount: bool | None = None
    horizontalPodAutoscalerConfig: AutoscalerConfig | None = None


class AuthenticationRef(Strict):
    name: Name
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] | None = None


class KafkaMetadata(Strict):
    bootstrapServers: Annotated[str, StringConstraints(pattern=r"^[^\s:,]+:\d+(,[^\s:,]+:\d+)*$")]
    consumerGroup: str
    topic: str | None = None
    lagThreshold: Number | None = None
    activationLagThreshold: str | None = None
    offsetResetPolicy: Literal["latest", "earliest"] | None = None
    allowIdleConsumers: Switch | None = None
    scaleToZeroOnInvalidOffset: Switch | None = None
    excludePersistentLag: Switch | None = None
    limitToPartitionsWithLag: Switch | None = None
    ensureEvenDistributionOfPartitions: Switch | None = None
    version: str | None = None
    partitionLimitation: str | None = None
    sasl: Literal["plaintext", "scram_sha256", "scram_sha512", "gssapi", "oauthbearer", "none"] | None = None
    tls: Literal["enable", "disable"] | None = None
    unsafeSsl: Switch | None = None


class KafkaTrigger(Strict):
    type: Literal["kafka"]
    name: str | None = None
    metadata: KafkaMetadata
    authenticationRef: AuthenticationRef | None = None
    metricType: Literal["AverageValue", "Value"] | None = None
    useCachedMetrics: bool | None = None


class CpuMetadata(Strict):
    value: Number
    containerName: str | None = None


class CpuTrigger(Strict):
    type: Literal["cpu"]
    metricType: Literal["Utilization", "AverageValue"]
    name: str | None = None
    metadata: CpuMetadata


class ScaledObjectSpec(Strict):
    scaleTargetRef: ScaleTarget
    triggers: Annotated[
        list[Annotated[KafkaTrigger | CpuTrigger, Field(discriminator="type")]],
        Field(min_length=1),
    ]
    pollingInterval: Count | None = None
    cooldownPeriod: Count | None = None
    initialCooldownPeriod: Count | None = None
    idleReplicaCount: Literal[0] | None = None
    minReplicaCount: Count | None = None
    maxReplicaCount: Count | None = None
    fallback: Fallback | None = None
    advanced: Advanced | None = None


class ScaledObject(Strict):
    apiVersion: Literal["keda.sh/v1alpha1"]
    kind: Literal["ScaledObject"]
    metadata: Metadata
    spec: ScaledObjectSpec


class SecretTarget(Strict):
    parameter: Literal["sasl", "username", "password", "tls", "ca", "cert", "key", "keyPassword"]
    name: Name
    key: str


class TriggerAuthenticationSpec(Strict):
    secretTargetRef: Annotated[list[SecretTarget], Field(min_length=1)]


class TriggerAuthentication(Strict):
    apiVersion: Literal["keda.sh/v1alpha1"]
    kind: Literal["TriggerAuthentication"]
    metadata: Metadata
    spec: TriggerAuthenticationSpec
