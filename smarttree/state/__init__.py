"""The state directory: what outlives the process, so that clients go on with their clocks (spec/STATE.md).

place       where it is, who holds it, what boot this is, how the last run ended
snapshot    the Tree as bytes and back, pure
segments    the log's files, and where in them each batch stands
recovery    what is found at the start: which epoch goes on, or why a new one begins
store       all of it for one run: appended to by the engine, synced in a thread of its own
"""
