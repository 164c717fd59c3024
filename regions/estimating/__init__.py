"""Estimates: numbers with an interval and a confidence, which are no counts."""
