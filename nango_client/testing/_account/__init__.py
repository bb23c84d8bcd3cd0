"""The account: the state of the mock, a subject a file, and what tests do to it."""
