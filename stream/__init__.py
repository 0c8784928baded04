"""Moves: everything that touches a socket, a clock or a process.

``source`` takes a chunk of records, ``judge`` turns it into verdicts and dead letters, ``sink``
writes both with the input offsets in one transaction, and ``worker`` keeps two chunks in flight.
"""
