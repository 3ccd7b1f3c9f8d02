"""The crash harness: real servers killed under real writers, then checked write by write.

1. start    a real server, on a home and a vault of its own
2. write    from many connections at once: PUT, DELETE, MOVE, with and without If-Match
3. kill     the server, at a random moment, roll-ups and compaction included
4. restart  on the same home; or lose the home and recover from vault and kit alone,
            writers going on, the recovering process killed too and started again
5. settle   every acknowledged write byte for byte, every acknowledged deletion gone,
            nothing that was never sent, every old sync token answering a proper delta
"""
