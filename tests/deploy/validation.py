"""Whether a manifest is one that the cluster would take: every field known, and of its type."""

import functools
from collections.abc import Iterator

import kubernetes_validate
from kubernetes_validate import utils
from pydantic import BaseModel, ValidationError

from tests.deploy.istio_schema import DestinationRule, VirtualService
from tests.deploy.keda_schema import ScaledObject, TriggerAuthentication
from tests.deploy.rendering import Manifest

OLDEST = "1.31"
"""The oldest Kubernetes that the manifests are for (``deploy/kubernetes/README.md``)."""

NEWEST = kubernetes_validate.latest_version()

utils.schema_contents = functools.cache(utils.schema_contents)
"""It would read a megabyte of definitions anew for each manifest."""

CUSTOM: dict[tuple[str, str], type[BaseModel]] = {
    ("keda.sh/v1alpha1", "ScaledObject"): ScaledObject,
    ("keda.sh/v1alpha1", "TriggerAuthentication"): TriggerAuthentication,
    ("networking.istio.io/v1", "DestinationRule"): DestinationRule,
    ("networking.istio.io/v1", "VirtualService"): VirtualService,
}


def wrong(manifest: Manifest, *versions: str) -> Iterator[str]:
    """What is wrong with it, one line each. A kind without a schema is wrong, too."""
    custom = CUSTOM.get((manifest["apiVersion"], manifest["kind"]))
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    try:
        if custom is not None:
            custom.model_validate(manifest)
            return
        for version in versions:
            kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError as error:
        yield f"{name}: {error.message}"
    except (ValidationError, kubernetes_validate.ValidationError) as error:
        yield f"{name}: {error}"
