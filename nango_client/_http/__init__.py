"""One call of the Nango API."""
