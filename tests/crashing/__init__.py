"""The crash harness: real servers killed under real writers, then checked write by write.

1. start    a real server, on a home and a vault of its own
2. write    from many connections at once: PUT, DELETE, MOVE, with and without If-Match, of
            cards, events, to-dos and notes; calendars are made, listed and deleted too
            meanwhile a copy of the vault is added, healed or removed, by a command of its own
3. kill     the server, at a random moment, roll-ups and compaction included, and the command
4. restart  on the same home; or lose the home and recover from kit and vault alone, from any
            of its copies, writers going on, the recovering process killed too and started again;
            either way one of the copies may be gone
5. settle   every acknowledged write byte for byte, every acknowledged deletion gone,
            nothing that was never sent, every old sync token answering a proper delta,
            no home listed in part, the events of a month those and no other
"""
