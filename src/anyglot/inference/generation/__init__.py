"""Generating with whatever model it is: its adapter, its search, and the settings of both."""
