"""Does a model fit an accelerator, by how much, and what would: pure arithmetic on facts, settings and a product.

The arithmetic is vLLM 0.32's. Weights and cache are counted as the engine counts them; activations, graphs and what the
driver takes are estimates, and are called so wherever they are shown.
"""
