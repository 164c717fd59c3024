"""Questions about single activation patterns."""
