"""What it costs one operator to decide for a thousand deployments with four thousand pods, and who waits for whom."""
