"""Bench: how fast the engine is, beside a raw fetch and an idiomatic Faust table, in one run on servers of its own."""
