"""Attacks: what a twin's answers, records and training give away, with baselines.

An attacker knows some things about a person, sees something the twin says, and infers
what the person never told. Every attack stands beside three baselines (the mode, the
same attacker without the twin, the same attack on people the twin never saw), and its
gain over them has an interval.
"""
