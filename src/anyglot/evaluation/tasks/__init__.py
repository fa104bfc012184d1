"""Understanding tasks: what a labelled example is, where official files lie and how they are read, and how answers are
scored. Knows no model.
"""
