"""How many of a sample's unique people are unique in the population.

Read `estimates`, then the three ways: a `copula` over `margins`, and frequencies of
frequencies (`frequencies`); `checks` tries each on samples of a known whole.
"""
