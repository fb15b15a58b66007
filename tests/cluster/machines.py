"""Machines of a test's own: each has its processes, its network address, its home and an sshd; all end with the test.

    with Machines(folder, 3) as machines:
        machines.run("ray up --yes cluster.yaml")   # on the desk: where the user sits
        machines.run("ray status", on=1)            # by ssh, in a login shell
        machines.kill(2)                            # no notice, as when the power is cut
        machines.cut(3); machines.mend(3)           # the network goes away and comes back

Every machine is a network, process and mount namespace within that of the test, joined to the others by a bridge: to
kill one ends all that runs on it and nothing else, `ray stop` on one stops nothing on another. They share this
machine's files, and so Python and its packages; a machine finds them in ~/sweep-env, as it does after `setup_commands`.
"""

from __future__ import annotations

import getpass
import hashlib
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.cluster import namespace
from tests.conftest import ROOT

PROGRAMS = ("sshd", "ssh", "ssh-keygen", "rsync", "nsenter")
"""What must be there beside what a namespace needs (Debian's openssh-server, rsync and util-linux)."""

NET = "10.9.0"
DESK = f"{NET}.254"

OFFICE = """
mkdir -p $OWN_TMP && mount -t tmpfs tmpfs $OWN_TMP
mount --bind $FOLDER/hosts /etc/hosts
mount --bind $FOLDER/desk/passwd /etc/passwd
mount --bind /dev/null /etc/resolv.conf
mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns
ip link add lan type bridge
ip address add $DESK/24 dev lan
ip link set lan up
for number in $NUMBERS; do
    ip netns add machine$number
    ip link add port$number master lan type veth peer name eth0 netns machine$number
    ip link set port$number up
done
echo ready
cat
"""
"""The desk's namespace, and in it the network. It ends when this process does, however it does: cat's input ends."""

START = """
nsenter --net=/run/netns/machine$NUMBER unshare --pid --fork --mount --uts --mount-proc --kill-child \
    bash $FOLDER/machine.sh >$FOLDER/machine$NUMBER.log 2>&1 &
"""

MACHINE = """
set -eu
hostname machine$NUMBER
mount --bind $FOLDER/machine$NUMBER.passwd /etc/passwd
for folder in /tmp/ray /dev/shm $OWN_TMP; do mount -t tmpfs tmpfs $folder; done
ip link set lo up
ip link set eth0 up
ip address replace $NET.$NUMBER/24 dev eth0
ip route replace default via $DESK
/usr/sbin/sshd -D -e -f $FOLDER/sshd_config
"""
"""A machine, from power on to a listening sshd. Its first process, this bash, buries the dead as an init does."""

SSHD = """
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin prohibit-password
PidFile none
StrictModes no
UsePAM no
"""

BASHRC = f"""
export PATH={namespace.BIN}:/usr/sbin:$PATH PYTHONPATH=~/sweep:{ROOT} RAY_USAGE_STATS_ENABLED=0 HF_HUB_OFFLINE=1
"""
"""What login shells of the machines have: this machine's Python, and the code in ~/sweep or else the code here."""


class Machines:
    """So many machines at 10.9.0.1, 10.9.0.2, ...; the desk is 10.9.0.254.

    Attributes:
        addresses: of the machines; that of machine 1 comes first.
        key: the private key that opens them to `ssh root@ADDRESS`.
        desk: the home of the user, who is not on one of them: what `run` starts is there.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder / "machines"
        self.addresses = tuple(f"{NET}.{number}" for number in range(1, count + 1))
        self.key = self.folder / "key"
        self.desk = self.folder / "desk" / "home"
        self._office: subprocess.Popen[str] | None = None
        self._variables: dict[str, str] = {}

    def __enter__(self) -> Machines:
        (self.folder / "desk").mkdir(parents=True)
        (self.desk / "tmp").mkdir(parents=True)
        numbers = range(1, len(self.addresses) + 1)
        names = ["127.0.0.1 localhost", f"{DESK} desk", *(f"{NET}.{number} machine{number}" for number in numbers)]
        (self.folder / "hosts").write_text("\n".join([*names, ""]))
        (self.folder / "machine.sh").write_text(MACHINE)
        (self.folder / "sshd_config").write_text(SSHD.format(folder=self.folder))
        for key in ("key", "host"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        _move_home(self.folder / "desk" / "passwd", self.desk)
        for number in numbers:
            _furnish(self.home(number))
            _move_home(self.folder / f"machine{number}.passwd", self.home(number))
        user = hashlib.sha256(getpass.getuser().encode()).hexdigest()[:10]
        self._variables = {
            "FOLDER": str(self.folder),
            "NET": NET,
            "DESK": DESK,
            "OWN_TMP": f"/tmp/ray_ssh_{user}",  # Ray keeps its ssh connections there
        }
        count = " ".join(str(number) for number in numbers)
        self._office = namespace.popen(OFFICE, self.folder / "desk", NUMBERS=count, **self._variables)
        try:
            self._wait_for_network()
            for number in numbers:
                self._launch(number)
            for number in numbers:
                self._wait_for_ssh(number)
        except BaseException:
            self._office.kill()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._started().kill()  # and with it all that is in there
        self._started().wait()

    def home(self, number: int) -> Path:
        """The home of a machine's user, as a folder that the test can look into."""
        return self.folder / f"machine{number}"

    def cluster_file(self, shipped: Path, workers: int | None = None, cpus: int = 1, **changes: Any) -> Path:
        """A shipped file for machines of one's own, with these machines' addresses and key; it lies on the desk.

        Args:
            shipped: clusters/local.yaml. All else in it stays as it is.
            workers: how many machines beside the head are named; None: all.
            cpus: of each of them. They have no GPU, and little memory for objects.
            changes: other values at the top of the file, which else lets machines go as soon as they are idle.
        """
        values = yaml.safe_load(shipped.read_text())
        head, *others = self.addresses
        others = others[:workers]
        values["provider"] |= {"head_ip": head, "worker_ips": others}
        values["auth"] = {"ssh_user": getpass.getuser(), "ssh_private_key": str(self.key)}
        values["available_node_types"]["machine"] |= {"resources": {"CPU": cpus}, "max_workers": len(others)}
        for role, size in (("head", ""), ("worker", f" --num-cpus={cpus}")):
            start = values[f"{role}_start_ray_commands"][-1]
            smaller = start.replace("ray start", f"ray start{size} --object-store-memory=200000000")
            values[f"{role}_start_ray_commands"][-1] = smaller
        values |= {"max_workers": len(others), "idle_timeout_minutes": 0.2, **changes}
        path = self.desk / shipped.name
        path.write_text(yaml.safe_dump(values, sort_keys=False))
        return path

    def popen(self, command: str, on: int | None = None, **environment: str) -> subprocess.Popen[str]:
        """Starts a bash command on the desk, or by ssh on a machine; errors come through `stdout`, too."""
        if on is not None:
            command = shlex.join([*self._ssh(on), f"bash --login -c {shlex.quote(command)}"])
        inside = psutil.Process(self._started().pid).children()[0].pid
        home = {"HOME": str(self.desk), "TMPDIR": str(self.desk / "tmp"), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            ["nsenter", f"--target={inside}", "--all", f"--wdns={self.desk}", "bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**namespace.outer(), **home, **environment},
        )

    def run(
        self, command: str, on: int | None = None, seconds: float = 120, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs such a command to its end. What has not ended after `seconds` ends with the test."""
        process = self.popen(command, on, **environment)
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            error.output, _ = process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, output, "")

    def kill(self, number: int) -> None:
        """Ends all that runs on a machine, as when the power is cut: nobody there can say a word, not even goodbye."""
        self.cut(number)
        if process := self._process(number):
            process.kill()

    def start(self, number: int) -> None:
        """Brings a machine back that was killed: the same files, nothing running but sshd."""
        self._launch(number)
        self.mend(number)
        self._wait_for_ssh(number)

    def cut(self, number: int) -> None:
        """Takes a machine from the network; what runs on it runs on."""
        self._link(number, "down")

    def mend(self, number: int) -> None:
        """Brings a machine back to the network."""
        self._link(number, "up")

    def _link(self, number: int, state: str) -> None:
        done = self.run(f"ip link set port{number} {state}")
        assert done.returncode == 0, done.stdout

    def _ssh(self, number: int) -> list[str]:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=5")
        flags = [flag for option in options for flag in ("-o", option)]
        return ["ssh", *flags, "-i", str(self.key), f"{getpass.getuser()}@{self.addresses[number - 1]}"]

    def _launch(self, number: int) -> None:
        done = self.run(START, NUMBER=str(number), **self._variables)
        assert done.returncode == 0, done.stdout

    def _wait_for_network(self) -> None:
        stdout = self._started().stdout
        assert stdout is not None
        said = []
        for line in stdout:
            if line == "ready\n":
                return
            said.append(line)
        raise AssertionError("no network: " + "".join(said))

    def _wait_for_ssh(self, number: int) -> None:
        deadline = time.monotonic() + 20
        while (done := self.run("true", on=number)).returncode != 0:
            log = (self.folder / f"machine{number}.log").read_text()
            assert time.monotonic() < deadline, f"machine {number} does not come up: {done.stdout}\n{log}"
            time.sleep(0.1)

    def _process(self, number: int) -> psutil.Process | None:
        """The `unshare` behind a machine that is on: its environment names the machine."""
        inside = psutil.Process(self._started().pid).children()[0]
        for each in inside.children():
            with suppress(psutil.Error):  # one that was killed before
                if each.environ().get("NUMBER") == str(number):
                    return each
        return None

    def _started(self) -> subprocess.Popen[str]:
        assert self._office is not None, "not entered"
        return self._office


def raylets(machines: Machines) -> list[int]:
    """The machines on which Ray runs."""
    numbers = range(1, len(machines.addresses) + 1)
    return [number for number in numbers if machines.run("pgrep --exact raylet", on=number).returncode == 0]


def until(process: subprocess.Popen[str], pattern: str) -> str:
    """What a command of `popen` says until a line is of this form. A test that fails shows it."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        sys.stdout.write(line)
        if re.search(pattern, line):
            return said
    raise AssertionError(f"it ended without {pattern!r}:\n{said}")


def _move_home(passwd: Path, home: Path) -> None:
    """A list of users in which this one has another home: ssh asks it, whatever HOME says."""
    users = [line.split(":") for line in Path("/etc/passwd").read_text().splitlines()]
    moved = [[*user[:5], str(home), *user[6:]] if user[0] == getpass.getuser() else user for user in users]
    passwd.write_text("".join(":".join(user) + "\n" for user in moved))


def _furnish(home: Path) -> None:
    """What a machine's user has: login shells that find Python, and the environment as clusters/setup.sh makes it."""
    environment = home / "sweep-env"
    (environment / "bin").mkdir(parents=True)
    for program in namespace.BIN.iterdir():
        (environment / "bin" / program.name).symlink_to(program)
    (environment / "lib").symlink_to(namespace.BIN.parent / "lib")
    shutil.copy(namespace.BIN.parent / "pyvenv.cfg", environment)
    made_from = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
    (environment / "made-from").write_bytes(b"".join(path.read_bytes() for path in made_from))
    (home / ".bashrc").write_text(BASHRC)
    (home / ".profile").write_text(". ~/.bashrc\n")
