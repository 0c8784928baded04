"""The answer for people: an HTML page with plots."""
