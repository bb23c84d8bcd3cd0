"""Webhooks: whether Nango signed them, and what they say."""
