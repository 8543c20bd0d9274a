"""Scoring: packs of rules that turn indicators of a period into points."""
