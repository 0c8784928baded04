"""Decides: what do we think of this text?  No socket, no queue, no clock in here.

``normalise`` asks *is it the same text?*, ``rules`` and ``gate`` *is it obvious?*, the classifier
*how bad is it?*, and ``policy`` *so what?*.  They are versioned together, and training, live traffic
and backtests share them, or the scores would drift apart.
"""
