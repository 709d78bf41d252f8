"""The fit planner against the real engine on the CPU: KV tokens predicted beforehand, and those that vLLM reports."""
