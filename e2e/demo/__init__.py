"""The demo: one object, applied on a real cluster, told as a story with what was measured at its end."""
