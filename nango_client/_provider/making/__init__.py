"""Making a request: provider's entry, connection and call in, what is sent out; no I/O."""
