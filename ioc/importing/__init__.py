"""Importing: logs of other systems, through a mapping file, into event topics."""
