"""Payloads: what the wire holds, made up and checked; no state."""
