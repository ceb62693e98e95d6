"""Servers that are libraries, each in a program of its own, told what to publish over a connection."""
