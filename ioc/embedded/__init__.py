"""Embedded: a broker and a store without Docker or Java, and the supervisor that runs a centre of processes."""
