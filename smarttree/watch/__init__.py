"""Watchers: whatever tells where to look. See `base` for the contract."""
