"""A discrete-event model of vLLM replicas under a trace, for trying a policy before it meets users."""
