"""What ``kubectl kustomize`` makes of an overlay, and the pods in it."""

import functools
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("local", "local-chain", "local-mesh", "production", "production-keda")
IMAGE = "shop-events"

Manifest = dict[str, Any]


class Pod(NamedTuple):
    """A pod template, and what it belongs to."""

    owner: Manifest
    template: Manifest

    @property
    def name(self) -> str:
        return f"{self.owner['kind']}/{self.owner['metadata']['name']}"

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.template["metadata"]["labels"]
        return labels

    @property
    def spec(self) -> Manifest:
        spec: Manifest = self.template["spec"]
        return spec

    @property
    def containers(self) -> list[Manifest]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]

    @property
    def ours(self) -> bool:
        """Whether our image runs in it."""
        return any(IMAGE in container["image"] for container in self.containers)


@functools.cache
def _rendered(overlay: str) -> bytes:
    beside = Path(sys.executable).with_name("kubectl")
    kubectl = str(beside) if beside.exists() else shutil.which("kubectl")
    assert kubectl, "there is no kubectl: `make install` brings one, or put one on the PATH"
    folder = KUBERNETES / "overlays" / overlay
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "kustomize warns of something"
    return pickle.dumps(list(yaml.load_all(done.stdout, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))))


def render(overlay: str) -> list[Manifest]:
    """The overlay's manifests, anew for each caller, who may change them."""
    manifests: list[Manifest] = pickle.loads(_rendered(overlay))
    return manifests


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """Those of one kind, by name."""
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def pods(manifests: list[Manifest]) -> Iterator[Pod]:
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield Pod(manifest, manifest["spec"]["template"])
        elif manifest["kind"] == "CronJob":
            yield Pod(manifest, manifest["spec"]["jobTemplate"]["spec"]["template"])


def environment(container: Manifest, manifests: list[Manifest]) -> dict[str, str]:
    """What the container's process will see. A value out of a Secret stands as ``secret``; ``$(NAME)`` is put in."""
    maps = {name: manifest["data"] for name, manifest in of_kind(manifests, "ConfigMap").items()}
    seen: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        seen |= maps[source["configMapRef"]["name"]]
    named: dict[str, str] = {}
    for variable in container.get("env", ()):
        origin = variable.get("valueFrom", {})
        if "configMapKeyRef" in origin:
            value = maps[origin["configMapKeyRef"]["name"]][origin["configMapKeyRef"]["key"]]
        elif "secretKeyRef" in origin:
            value = "secret"
        else:
            value = variable["value"]
            for name, known in named.items():  # those that stand before it in this list, as Kubernetes does it
                value = value.replace(f"$({name})", known)
        named[variable["name"]] = value
    return seen | named


def processes(container: Manifest) -> list[str]:
    """The arguments of each ``python -m`` that the container runs, as one text each."""
    command = " ".join([*container.get("command", ()), *container.get("args", ())])
    parts = command.removeprefix("sh -c ").replace("exec ", "").split(" && ")
    return [part.removeprefix("python -m ") for part in parts if part.startswith("python -m ")]
