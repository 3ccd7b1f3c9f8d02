"""Power cuts: a life is recorded, call by call, and its disks are cut off after every one.

``record``   runs a life under strace; what it did to its files becomes a list of operations
``disk``     a disk that remembers what was synced, and what a power cut may leave of the rest
``lives``    what is recorded: a program that founds, writes, compacts, recovers
``copied``   those in which the vault has a second place, or a copy that heals it
``judge``    starts or recovers on what is left, and compares with what was acknowledged
``cuts``     one life, cut after every operation; ``tests/power.py`` is the command
"""
