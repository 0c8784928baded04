"""Decides what to do about a text.  No sockets, queues or clocks here.

``normalise`` tells whether two texts are equal, ``rules`` and ``gate`` settle the obvious ones, the classifier scores
the rest, and ``policy`` turns scores into actions.  Training, live traffic and backtests share them, so that scores
cannot diverge.
"""
