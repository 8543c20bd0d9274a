"""Asking: a number at any time, and the evidence behind it."""
