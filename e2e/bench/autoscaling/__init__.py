"""Thirteen cases of load on simulated fleets: attainment, GPU time and flips of one setting for all of them."""
