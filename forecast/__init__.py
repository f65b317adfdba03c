"""Probability forecasts of daily counts: arrays in, joint sample paths out.

Nothing here reads a disk, a network, a database or a clock; dates and random generators are
arguments.
"""
