"""Chaos: real processes under random faults, judged by brute force over what Kafka holds in the end (`make chaos`)."""
