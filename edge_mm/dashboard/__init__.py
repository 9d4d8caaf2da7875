"""A page to watch a fleet with: who is there, what is measured, which alarms stand, and a hand to answer them.

In: a broker. Out: one page over HTTP (extra ``dashboard``). Imported only by ``edge-mm dashboard``. Not here: anything
that decides (the devices do), camera pictures (no topic has them).
"""
