"""Strikes: standings, strikes and channel signals computed from the verdicts topic.

==============  =====================================================================================
``ladder``      points, windows and steps per game, as data (TOML)
``windows``     the marks a window holds; order and repetition change nothing
``standing``    (standing, verdict, ladder) to (standing, strikes); pure
``channel``     (channel, remark, ladder) to (channel, strikes); pure
``tally``       records to changes: detects redelivery, sends again what may not have arrived
``lapse``       which stored values no longer affect any decision; pure
``steps``       what is done with each record
``transport``   Faust's Kafka consumer, made strict: committed records only, every record once, in order
``table``       Faust's table, made safe; ``store`` is its disk, ``restore`` rebuilds it from the changelog
``sweep``       removes lapsed state, a page at a time
``outbox``      sends records, and knows when they have arrived
``app``         the Faust application
``endpoint``    a player's standing over HTTP, and the erasure of one player
``worker``      the process: starts and supervises it; ``leaving`` ends it in time
==============  =====================================================================================
"""
