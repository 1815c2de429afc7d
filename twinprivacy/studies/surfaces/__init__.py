"""Each surface against each volume, in bits per person.

`curves` runs them all; one module for each surface: `store`, `record`, `trace`,
`answers`, `model`.
"""
