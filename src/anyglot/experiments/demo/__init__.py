"""The demo: SixT+ end to end on phrasebook text, in minutes."""
