"""The rule that keeps a fleet's NetworkPolicy."""

from collections.abc import Iterator

from llmfleet.core import manifests
from llmfleet.core.plan import Action, Ref
from llmfleet.core.scene import Scene, deletion


def restrict_access(scene: Scene) -> Iterator[Action]:
    """The policy while spec.access is set, none otherwise; before the pods it guards."""
    access = scene.deployment.spec.access
    if access is not None:
        manifest = manifests.network_policy(scene.deployment, access, scene.defaults.status_namespaces)
        yield from scene.kept(manifest, f"who may connect: {len(access.sources)} peers of spec.access")
        return
    existing = scene.observed.children.get(Ref("NetworkPolicy", scene.deployment.name))
    if existing:
        yield deletion(existing, "spec.access is absent")
