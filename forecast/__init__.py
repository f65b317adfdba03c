"""Probability forecasts of daily counts: arrays in, joint sample paths out.

Nothing here reads a disk, network, database or clock; dates and random generators are arguments.
"""
