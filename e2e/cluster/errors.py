"""The one error a caller of the cluster sees."""


class ClusterError(Exception):
    """Something that ends `up`, `down` or a command; its text is a sentence with the remedy."""
