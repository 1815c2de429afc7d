"""How many of a sample's unique people are unique in the population.

Read `estimates`, then its ways: a `copula`, whose `correlations` come from pairs of
columns, and the `frequencies` of the sizes of sets.
"""
