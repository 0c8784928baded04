"""Backtests: history replayed through the live code, and what would change.

::

    history ──▶ stretches ──▶ judging (depths) ──▶ part files ──▶ answer ──▶ report
    (topic, files,            one at a time, in     one per        sums       HTML, JSON,
     archive; recorded        parallel processes    stretch        of parts   Parquet, limits
     verdicts beside)

A *stretch* is the unit of work: the piece of history that one process reads, judges and stores at once.  Its part
files are the checkpoint, and a report is computed only from sums over parts.  So the report is byte-identical, whether
or not the run was killed and resumed, with any number of processes or shards.
"""
