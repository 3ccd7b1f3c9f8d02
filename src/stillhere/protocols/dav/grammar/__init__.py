"""What requests and answers look like on the wire, one RFC per file. Pure: no I/O, no store."""
