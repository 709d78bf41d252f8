"""Autoscaling: load in, decision with its reason out."""
