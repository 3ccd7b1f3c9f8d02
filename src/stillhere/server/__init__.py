"""The assembly: opens the rooms of one core, mounts the protocols and keeps watch.

    core        a core opened for one command
    serve       a core that answers phones until it is stopped, or fenced
    recover     a lost core brought back, answering phones meanwhile
    figures     what a core knows of itself, for status and report

Nothing else knows both a protocol and a store's home.
"""
