"""What a damaged core still has, read without trusting it and without writing to it.

look at every page of the file, and at every page that its write-ahead log has      (file.py)
    take every cell of it                                                            (cells.py)
        tell by its shape what it is a row of                                        (rows.py)
        follow it to the pages where the rest of it lies
        prove its body against its digest: what does not match is not there         (scan.py)
    where its array of cells is lost, try what begins like a row                     (carve.py)
"""
