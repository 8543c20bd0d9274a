"""Counting: histories, differences, panes: the exact core. Every batch, whoever formed it, goes through `pipeline`."""
