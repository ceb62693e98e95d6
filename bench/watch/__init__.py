"""The tables of `make bench-watch`: what watching costs and how soon a change is told, by floors and rivals."""
