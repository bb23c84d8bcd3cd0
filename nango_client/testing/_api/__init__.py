"""The API: the endpoints that the mock answers, a subject a file."""
