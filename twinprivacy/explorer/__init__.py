"""Your programme: answers for any setting, from grids that are computed once.

`grids` computes them, `interpolation` answers a setting from them, as the page of the
book does in the browser, and `charts` states how the page draws a year's loss.
"""
