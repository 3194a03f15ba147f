"""How a command finds a Ray cluster and joins it: whatever is in the way is told in one sentence, within seconds."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import UserError, one_line
from harness.neighbours import has_current_folder, search_path

PATIENCE = 10.0
"""Seconds that a cluster may take to answer at all."""
JOINING = 10
"""Seconds that Ray may look for a node of the cluster on this machine."""
ASK = "import sys, ray; print(flush=True); ray._raylet.GcsClient(address=sys.argv[1])"
"""Says when it is ready and asks a cluster which it is; fails where that is none, but after long, and complaining."""
ADVICE = "start one with 'ray start --head' and this command on the same machine, or name another with --address"


def ray_of_extra() -> Any:
    """The module ``ray``; a :class:`UserError` names the extra where it isn't installed."""
    os.environ.setdefault("RAY_GCS_SERVER_REQUEST_TIMEOUT_SECONDS", str(JOINING))  # read by the import
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # a unit without a GPU sees none
    if _has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # as Ray itself does where there is one
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UserError(
            f"--engine ray needs Ray, which cannot be imported ({one_line(error)}): install recurrent-harness[cluster]"
        ) from error


def _has_token() -> bool:
    """Whether this user has the token of a cluster, where Ray looks for it."""
    with contextlib.suppress(RuntimeError):  # no home
        if (Path.home() / ".ray" / "auth_token").is_file():
            return True
    return any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))


def join(given: str | None) -> str:
    """Join the cluster at `given` (else ``RAY_ADDRESS``, else the one on this machine) and return its address.

    Ray's own words do not reach the terminal. A :class:`UserError` where there is no cluster, where nothing answers,
    where this machine is no node of it, and where it has other versions of Ray or Python.
    """
    asked = given or os.environ.get("RAY_ADDRESS") or "auto"
    _refuse(asked, "--address" if given else "RAY_ADDRESS")
    ray = ray_of_extra()
    if ray.is_initialized():
        raise UserError("this process has joined a Ray cluster already: leave it before another campaign is begun")
    with _quiet(ray):
        address = _found(asked)
        probe(address)
        try:
            with current_folder_kept_here():
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, namespace="harness")
        except Exception as error:
            with contextlib.suppress(Exception):
                ray.shutdown()
            raise UserError(_why(address, error)) from error
    return address


@contextlib.contextmanager
def current_folder_kept_here() -> Iterator[None]:
    """Ray puts the current folder of this process on the path of all workers: an empty one where this has it not."""
    if has_current_folder():
        yield
        return
    with tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
        yield


def leave() -> None:
    """Leave the cluster, which ends all that this process began there. Where Ray doesn't answer that is given up."""
    ray = importlib.import_module("ray")
    thread = threading.Thread(target=_shut_down, args=(ray,), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if thread.is_alive():  # at the end of the process it would be tried again
        atexit.unregister(ray.shutdown)


def probe(address: str) -> None:
    """See that the server of a cluster answers at ``host:port``; a :class:`UserError` where none does."""
    reach(address)
    command, pipe, nothing = [sys.executable, *search_path(), "-c", ASK, address], subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=nothing, stdout=pipe, stderr=nothing) as asking:
        try:
            assert asking.stdout is not None
            asking.stdout.readline()  # to import Ray may take longer than the patience is
            asking.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            asking.kill()
    if asking.returncode != 0:
        raise UserError(f"what answers at {address} is no Ray cluster, which listens on port 6379 by default: {ADVICE}")


def reach(address: str, patience: float | None = None) -> None:
    """See that something listens at ``host:port``; a :class:`UserError` where nothing does in so many seconds."""
    host, _, port = address.rpartition(":")
    seconds = PATIENCE if patience is None else patience
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else (error.strerror or one_line(error)).lower()
        raise UserError(f"there is no Ray cluster at {address} ({reason}): {ADVICE}") from error


def _refuse(asked: str, where: str) -> None:
    """Raise for an address that cannot be meant."""
    if asked.startswith("ray://"):
        raise UserError(
            f"{where} {asked}: a campaign is begun on a node of the cluster, not through Ray Client;"
            " log in to one (its head, say) and give the same command there without the address"
        )
    host, _, port = asked.rpartition(":")
    if asked != "auto" and (not host or not port.isdecimal() or not 0 < int(port) < 65536 or "/" in asked):
        raise UserError(f"{where} {asked}: write HOST:PORT, such as 10.0.0.1:6379, or auto for this machine's")


def _found(asked: str) -> str:
    """``host:port`` of the cluster that is meant."""
    if asked != "auto":
        return asked
    services = importlib.import_module("ray._private.services")  # what ray.init(address="auto") asks
    try:
        address = services.canonicalize_bootstrap_address("auto")
    except Exception as error:
        raise UserError(f"no Ray cluster runs on this machine: {ADVICE}") from error
    if address is None:
        raise UserError(f"no Ray cluster runs on this machine: {ADVICE}")
    return str(address)


def _why(address: str, error: Exception) -> str:
    """Why Ray could not join, for a person."""
    text = one_line(error)
    if "ersion mismatch" in text:
        return (
            f"the Ray cluster at {address} has other versions than this command: {text.partition(': ')[2]}"
            " (install the same here and on its nodes)"
        )
    if "node info" in text or "node_ip_address" in text:
        return (
            f"this machine is no node of the Ray cluster at {address}: give the command on one of its nodes,"
            f" or make this machine one with 'ray start --address={address} --num-cpus=0'"
        )
    return f"the Ray cluster at {address} cannot be joined: {text}"


@contextlib.contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Keep Ray from the terminal, and this process's signals from Ray."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    worker: Any = importlib.import_module("ray._private.worker")
    if hasattr(worker, "print_to_stdstream"):  # tells of nodes that died, with pages of their logs; so does the engine
        worker.print_to_stdstream = _drop
    heard = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM) if heard else None
    try:
        yield
    finally:
        if heard:
            signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


def _drop(*_: Any, **__: Any) -> None:
    pass


def _shut_down(ray: Any) -> None:
    with contextlib.suppress(Exception):
        ray.shutdown()
