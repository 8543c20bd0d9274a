"""Alerting: values are judged, people are told."""
