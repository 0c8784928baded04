"""The HTML report, with plots."""
