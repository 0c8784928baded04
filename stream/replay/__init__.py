"""History through the same code, and what would change.

::

    history ──▶ stretches ──▶ judging (depths) ──▶ part files ──▶ answer ──▶ report
    (topic, files,            one at a time, in     one per        sums       HTML, JSON,
     archive; recorded        parallel processes    stretch        of parts   Parquet, limits
     verdicts beside)

A *stretch* is a piece of history: what one process reads, judges and keeps at once.  Its part files are the checkpoint,
and all that a report is made of are sums over parts; so killed and resumed, one process or many, on one machine or as
shards of a job, the report has the same bytes.
"""
