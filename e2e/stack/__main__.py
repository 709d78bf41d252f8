"""``python -m e2e.stack``: bring the whole stack up; tests that come after it wait for no compiler."""

import sys

import click

from e2e.cluster import ClusterError, progress
from e2e.engine.install import InstallError

from . import KubectlError, NotInTime, bring_up


@click.command()
def main() -> None:
    """Bring up the cluster with the engine, the images, the model and the operator; seconds when it is there."""
    try:
        stack = bring_up(progress.choose())
    except (ClusterError, InstallError, KubectlError, NotInTime) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if stack.cluster:
        click.echo(f"export KUBECONFIG={stack.cluster.kubeconfig} PATH={stack.cluster.bin}:$PATH")


if __name__ == "__main__":
    main()
