"""Tables 8: answers. What it takes to be told the tree, figures of it, what is in it, and what has changed."""
