"""Numbers of the book on grids, and between their points.

`grids` computes them (with `losses` and `linkage`), `interpolation` looks them up as
the page's script does, `charts` draws them.
"""
