"""Replaying: what the live centre received goes through the same pipeline again, into a run; and how two sides differ."""
