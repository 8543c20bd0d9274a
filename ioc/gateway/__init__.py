"""Gateway: events over HTTP, with a verdict for each."""
