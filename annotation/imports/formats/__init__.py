"""Files that people bring: bytes in, typed rows out, or a refusal that names the line.

Nothing here knows Django or a database. `reading.read_file` is the door; a family of formats is
one module with a `Format` in `registry.FORMATS`; `containers` turns any file into records.
"""
