"""The command ``nango-client``."""
