"""What a player's verdicts add up to: standings, strikes and channel signals, downstream of the verdicts.

==============  =====================================================================================
``ladder``      how points, windows and steps are set, per game, as data (TOML)
``windows``     the marks a window holds; order and repetition change nothing
``standing``    (standing, verdict, ladder) to (standing, strikes); pure
``channel``     (channel, remark, ladder) to (channel, strikes); pure
``tally``       records to changes: guards against re-delivery, says again what may not have been heard
``lapse``       which stored values decide nothing any more; pure
``steps``       what is done with each record
``transport``   Faust's Kafka consumer, made strict: committed records only, every record once, in order
``table``       Faust's table, made safe; ``store`` is its disk, ``restore`` reads it back in full
``sweep``       removes what has lapsed, a page at a time
``outbox``      what is sent, and the certainty that it arrived
``app``         the Faust application
``endpoint``    a player's standing over HTTP, and the erasure of one player
``worker``      the process: its start and its watch; ``leaving`` ends it in time
==============  =====================================================================================
"""
