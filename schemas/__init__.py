"""The contracts: events in, verdicts out, and the terms of both.

==========================  ==============  ==================================================
topic (default name)        key             value
==========================  ==============  ==================================================
``chat.events``             any             :class:`schemas.event.ChatEvent`
``moderation.verdicts``     ``player_id``   :class:`schemas.verdict.Verdict`, one per event
``moderation.flagged``      ``player_id``   :class:`schemas.verdict.Flagged`, for moderators
``chat.events.dlq``         as input        the original bytes; headers say why and where from
``moderation.strikes``      ``player_id``   :class:`schemas.strike.Strike`
==========================  ==============  ==================================================
"""
