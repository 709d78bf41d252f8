"""llmfleet: a Kubernetes operator that runs fleets of vLLM servers from one resource."""

__version__ = "0.1.0"
