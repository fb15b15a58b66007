"""Runs of a store: by which code, on which machine and from which file its trials were made. A file for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from sweep.ledger.tables import TIME
from trainables.errors import Problem, UserError
from trainables.spec import content_hash
from trainables.store import Store

FOLDER = "runs"

RUNS = pa.schema(
    [
        ("run", pa.string()),
        ("experiment", pa.string()),
        ("started_at", TIME),
        ("host", pa.string()),  # of the driver
        ("command", pa.string()),
        ("file", pa.string()),  # the experiment's text, as it was with what the command line changed
        ("git_commit", pa.string()),  # of the folder that the command ran in; null where that is no repository
        ("git_dirty", pa.bool_()),  # whether tracked files differed from that commit
        ("python", pa.string()),  # versions from here on
        ("sweep", pa.string()),
        ("torch", pa.string()),
        ("cuda", pa.string()),  # that torch was built with; null: none
        ("ray", pa.string()),
        ("transformers", pa.string()),
        ("datasets", pa.string()),
    ]
)


def record(store: Store, values: Mapping[str, Any]) -> str:
    """Writes a run down. Returns its key, the hash of its values. Raises OSError."""
    told = json.loads(json.dumps(dict(values), default=str))
    run = content_hash(told)
    store.write(f"{FOLDER}/{run}.json", json.dumps(told, indent=1, ensure_ascii=False).encode())
    return run


def runs(store: Store) -> pa.Table:
    """All runs of a store, the first one first. Raises UserError where files are not what was written; OSError."""
    found, unreadable = everything(store)
    if unreadable:
        raise UserError(unreadable.values())
    return found


def everything(store: Store) -> tuple[pa.Table, dict[str, Problem]]:
    """All runs that can be read, and by file what is wrong with the others. Raises OSError."""
    found, unreadable = [], {}
    for name in store.list(FOLDER, ".json"):
        run = name.removeprefix(f"{FOLDER}/").removesuffix(".json")
        try:
            values = json.loads(store.read(name))
            if content_hash(values) != run:
                raise ValueError("its name is not its checksum")
            found.append({**values, "run": run, "started_at": datetime.fromisoformat(values["started_at"])})
        except (ValueError, KeyError, TypeError) as error:
            hint = "`sweep doctor STORE --mend` sets it aside; nothing says any more by which code its trials were made"
            unreadable[name] = Problem(f"is not the record of a run: {error}", store.path(name), hint=hint)
    table = pa.Table.from_pylist(found, schema=RUNS)
    return table.sort_by([("started_at", "ascending"), ("run", "ascending")]), unreadable
