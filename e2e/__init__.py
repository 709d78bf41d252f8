"""Scenarios, benches and the demo on a real cluster with a real engine; and the way in, `python3 e2e`."""
