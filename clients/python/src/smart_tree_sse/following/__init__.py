"""`st-follow`: prints what changes in a remote tree, or runs a command for it, and never misses a trigger.

Law: the clock that is kept is moved only once what leads to it was printed, or the command has succeeded.
"""
