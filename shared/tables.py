"""Tables of SQLite that outlive a run: whether a file has ours, and whether its rows hold what this program wrote."""

import sqlite3
from contextlib import closing

EARLIEST_S, LATEST_S = -62e9, 253e9  # seconds since 1970 of the years 5 and 9987: nearly what ISO 8601 can say


# of every file with tables. SQLite would keep 2 MB of each, and a process grow for hours with what it stores
PRAGMAS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -64;"  # in KiB


class DamagedFileError(sqlite3.DatabaseError):
    """A file holds something else than this program wrote. To is_damaged() it is what SQLite finds damaged itself."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def check_tables(connection: sqlite3.Connection, script: str) -> None:
    """Raise DamagedFileError unless the tables that a script makes are in the file as it makes them, and no triggers.

    With other columns or constraints a write would fail for ever, or a row be taken for one that is there already.
    """
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(script)
        expected = list_definitions(model)
    tables = {table for table, _, _ in expected}
    if {definition for definition in list_definitions(connection) if definition[0] in tables} != expected:
        raise DamagedFileError("it has other tables")


def list_definitions(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Return the table, the name and the SQL of each table, index and trigger; its SQL without spaces."""
    rows = connection.execute("SELECT tbl_name, name, sql FROM main.sqlite_master WHERE sql IS NOT NULL")
    return {(table, name, "".join(sql.split())) for table, name, sql in rows}


def check_time(at: float) -> None:
    """Raise ValueError or TypeError unless this is a time, in seconds since 1970."""
    if not EARLIEST_S < at < LATEST_S:
        raise ValueError("it has no such time")
