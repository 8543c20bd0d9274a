"""Province: the demo, a believable Thanh Hóa that emits events."""
