"""A connection and its credentials, fresh."""
