"""The making of a request: a provider's entry, a connection and a call in, a plan out; no I/O."""
