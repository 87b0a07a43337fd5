"""What SQLite's refusals mean to the operator, and what helps."""

import sqlite3

_REMEDIES = {
    "SQLITE_FULL": "the disk is full: make room, and it goes on by itself",
    "SQLITE_READONLY": "look whether its disk is mounted read-only, or the file belongs to another user",
    "SQLITE_BUSY": "another process keeps it locked: `fuser FILE` names it; it goes on by itself once that ends",
    "SQLITE_LOCKED": "another process keeps it locked: `fuser FILE` names it; it goes on by itself once that ends",
    "SQLITE_CORRUPT": "it is damaged: `aggregator doctor` says where, `aggregator restore FILE` puts a backup back",
    "SQLITE_NOTADB": "it is no store: `aggregator restore FILE` puts a backup back",
    "SQLITE_CANTOPEN": "look whether its folder is there and may be written by this user",
    "SQLITE_IOERR": "the disk refuses: look into the system's log, and whether it has room",
    "SQLITE_PERM": "give it to the user who runs this",
}


def in_words(error: sqlite3.Error) -> str:
    """Give what SQLite says with the remedy that fits it, where there is one."""
    name = getattr(error, "sqlite_errorname", "") or ""
    remedy = next((remedy for code, remedy in _REMEDIES.items() if name.startswith(code)), "")
    return f"{error}; {remedy}" if remedy else str(error)
