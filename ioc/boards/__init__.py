"""Boards: what operators look at, derived from the declarations as Grafana's classic dashboard JSON. The wall draws the same."""
