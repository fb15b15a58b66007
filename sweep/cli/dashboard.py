"""`sweep dashboard`: Optuna's dashboard over a store."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from sweep.cli.query import ExperimentOption, StoreArgument


def dashboard(
    store: StoreArgument,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0: where it is free.")] = 8080,
    experiment: ExperimentOption = None,
) -> None:
    """Show the searches in Optuna's dashboard, on this machine alone, until Ctrl-C. It changes nothing."""
    from sweep.console import Console
    from sweep.sharing.dashboard import open_dashboard
    from trainables.store import Store

    console = Console()
    with open_dashboard(Store(store), [experiment] if experiment else [], port) as server:
        console.say(f"http://127.0.0.1:{server.server_port}/dashboard (Ctrl-C ends it)")
        console.file.flush()
        with suppress(KeyboardInterrupt):
            server.serve_forever()
