"""Parts for other libraries, each of which has to be installed: ``nango-client[httpx]``."""
