"""A Ray cluster that somebody started: which one `--address` means, and whether it answers. Ray asks for minutes."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from trainables.errors import Problem, UserError

PATIENCE = 10.0
"""Seconds in which a cluster must answer."""

HINT = "give HOST:PORT or auto of one that was started with `ray up` or `ray start --head`, or leave --address out"

ASK_FOR_IT = (
    "on its head node `ray get-auth-token` shows the token; put it into ~/.ray/auth_token here (chmod 600), or set"
    " RAY_AUTH_TOKEN_PATH to a file with it"
)


def find(address: str) -> str:
    """HOST:PORT of the cluster that is meant, which has answered. A token that is there is used from now on.

    Args:
        address: HOST:PORT; or `auto`: the one that RAY_ADDRESS names, else the last that `ray start` began here.

    Raises:
        UserError: it does not answer, wants a token that is not here, or is of another version.
    """
    place, meant = _resolve(address)
    # Ray itself does so for `auto` alone.
    from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available

    if not _is_open(place, meant):
        maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    elif os.environ.get("RAY_AUTH_MODE", "").lower() == "token":
        message = f"the Ray cluster at {meant} was started without a token, and RAY_AUTH_MODE=token is set here"
        hint = "start the cluster with RAY_AUTH_MODE=token on all nodes; or unset it here, where nobody else gets at it"
        raise UserError(Problem(message, hint=hint))
    _ask(place, meant)
    return place


def _is_open(place: str, meant: str) -> bool:
    """Whether a cluster answers everybody, with a token or without. Raises UserError where it answers nobody.

    It lets in a driver that takes calls with a token alone, and cannot call it: each actor is lost at once.
    """
    import grpc
    from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc

    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        return False  # it takes neither tokens nor those without a certificate
    messages: Any = gcs_service_pb2
    services: Any = gcs_service_pb2_grpc
    with grpc.insecure_channel(place) as channel:
        try:
            services.NodeInfoGcsServiceStub(channel).CheckAlive(messages.CheckAliveRequest(), timeout=PATIENCE)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                return False
            raise no_answer(meant, _reason(error)) from None
    return True


def _reason(error: Any) -> str:
    """Why a call was not answered."""
    import grpc

    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"something took the connection and said nothing for {PATIENCE:g} s"
    return " ".join(str(error.details()).split()) or str(error.code().name)


@contextmanager
def joined(address: str) -> Iterator[None]:
    """A cluster for as long as the context lasts, for a look at it. What Ray says meanwhile nobody sees."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        import ray

        join(find(address))
        try:
            yield
        finally:
            ray.shutdown()


def join(place: str) -> None:
    """Makes this process a driver of a cluster that `find` found. Raises UserError where it is not let in."""
    import ray

    try:
        ray.init(address=place, log_to_driver=False, logging_level=logging.ERROR)
    except ray.exceptions.AuthenticationError as error:
        raise no_token(f"'{place}'", str(error).splitlines()[0]) from error
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise no_answer(f"'{place}'", str(error).splitlines()[0]) from error


def no_answer(meant: str, reason: str) -> UserError:
    """Nobody answers there, or not as a cluster does."""
    return UserError(Problem(f"no Ray cluster answers at {meant}: {reason}", hint=HINT))


def no_token(meant: str, reason: str) -> UserError:
    """A cluster answers, but not to everybody."""
    mode = os.environ.get("RAY_AUTH_MODE")
    off = "RAY_AUTH_MODE=disabled is set: unset it; " if mode and mode.lower() != "token" else ""
    message = f"the Ray cluster at {meant} lets only those in who have its token: {reason}"
    return UserError(Problem(message, hint=off + ASK_FOR_IT))


def _resolve(address: str) -> tuple[str, str]:
    """HOST:PORT, and how to speak of it."""
    meant = f"'{address}'"
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", "")
        meant = f"'{address}' (auto: so says RAY_ADDRESS)"
        if not address or address in ("auto", "local"):
            from ray._common.utils import get_ray_address_file

            file = Path(get_ray_address_file(None))
            try:
                address = file.read_text(encoding="utf-8").strip()
            except OSError:
                reason = f"neither RAY_ADDRESS nor '{file}' names one"
                raise no_answer("'auto'", reason) from None
            meant = f"'{address}' (auto: so says '{file}')"
    scheme, found, _ = address.partition("://")
    if found:
        message = f"a sweep cannot be run at {meant}: with {scheme}:// its search would have to run elsewhere"
        hint = (
            "on a machine of the cluster give --address auto; from outside send the whole command there:"
            " ray job submit --address http://HEAD:8265 -- sweep run ... --address auto"
        )
        raise UserError(Problem(message, hint=hint))
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise no_answer(meant, "that is not HOST:PORT (Ray's own port is 6379)")
    return address, meant


def _ask(place: str, meant: str) -> None:
    import grpc
    import ray
    from ray._common.usage.usage_constants import CLUSTER_METADATA_KEY
    from ray._private.gcs_utils import create_gcs_channel
    from ray._private.ray_constants import KV_NAMESPACE_CLUSTER
    from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc

    messages: Any = gcs_service_pb2
    services: Any = gcs_service_pb2_grpc
    with create_gcs_channel(place) as channel:
        try:
            services.NodeInfoGcsServiceStub(channel).CheckAlive(messages.CheckAliveRequest(), timeout=PATIENCE)
            request = messages.InternalKVGetRequest(key=CLUSTER_METADATA_KEY, namespace=KV_NAMESPACE_CLUSTER)
            told = services.InternalKVGcsServiceStub(channel).InternalKVGet(request, timeout=PATIENCE).value
        except ray.exceptions.AuthenticationError as error:  # Ray looks for a token before it asks
            raise no_token(meant, str(error).splitlines()[0].partition(". ")[0]) from None
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                raise no_token(meant, _reason(error)) from None
            raise no_answer(meant, _reason(error)) from None
    if told:  # else it has only just begun, and joining it will tell
        _check_versions(json.loads(told), meant)


def _check_versions(told: dict[str, Any], meant: str) -> None:
    """Ray lets only those in who have the very same versions, and says so in a dozen lines."""
    from ray._private.utils import compute_version_info

    here: Any = compute_version_info()  # type: ignore[no-untyped-call]
    there = told.get("ray_version"), told.get("python_version")
    if there == here:
        return
    message = (
        f"the Ray cluster at {meant} has Ray {there[0]} and Python {there[1]}, and this is Ray {here[0]} and Python"
        f" {here[1]}: they must be equal"
    )
    hint = (
        f"pip install ray=={there[0]} here, in Python {there[1]}; or start the cluster with the versions that are here"
    )
    raise UserError(Problem(message, hint=hint))
