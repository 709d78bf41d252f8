"""Whether our re-implementation of a rival's rule decides as the rival itself does."""
