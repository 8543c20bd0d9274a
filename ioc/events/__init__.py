"""Events: bytes become frames of valid events, or rejects. Pure."""
