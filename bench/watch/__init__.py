"""The tables of `make bench-watch`: what watching a tree costs and how soon a change is told, against floors and rivals."""
