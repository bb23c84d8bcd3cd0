"""Calling the provider: what Nango's proxy puts into a request, put in here."""
