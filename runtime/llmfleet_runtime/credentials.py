"""Pure: the secrets that the kubelet puts into the container's environment, checked before the engine sees them."""

from collections.abc import Mapping

from .argv import BadConfig
from .contract import HUB_TOKEN


def hub_token(container: Mapping[str, str]) -> dict[str, str]:
    """The token as the engine gets it, without a line end around it. Raises ``BadConfig`` without showing the value.

    A client that is given an illegal header value prints it into the log.
    """
    token = container.get(HUB_TOKEN)
    if token is None:
        return {}
    stripped = token.strip()
    if not stripped:
        raise BadConfig(f"the Secret's {HUB_TOKEN} is empty; put the hub's token there")
    if not (stripped.isascii() and stripped.isprintable() and " " not in stripped):
        raise BadConfig(f"the Secret's {HUB_TOKEN} is no token: only printable ASCII without spaces is; not shown here")
    return {HUB_TOKEN: stripped}
