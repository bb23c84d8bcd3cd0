"""The endpoints of the API, one class per group."""
