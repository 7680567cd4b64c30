"""One cluster served twice: by the bare postgres, and by Vela as the branch "suite" of an import of the same data directory."""

import argparse
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
BRANCH = "suite"
DATABASE = "test"
# An ordinary role that owns the database, and the bootstrap superuser.
USER, PASSWORD = "test", "test"
SUPERUSER, SUPERUSER_PASSWORD = "postgres", "secret"

# In the data directory's own configuration, so that both have them. Vela sets shared_buffers itself; 32 MB is its default.
SETTINGS = """
fsync = off
lc_messages = 'C'
max_prepared_transactions = 64
max_replication_slots = 20
max_wal_senders = 20
shared_buffers = 32MB
wal_level = logical
"""

# The method md5 takes SCRAM where the role has such a verifier and md5 where it has such a hash, as Vela does.
ACCESS = """
host all all 127.0.0.1/32 md5
host replication all 127.0.0.1/32 md5
"""

CONFIG = """
listen:
  - address: 127.0.0.1:{port}
    default-branch: {branch}
http: 127.0.0.1:0
postgres:
  search-path: [{postgres}]
baselines:
  main:
    branches:
      create-on-connect: [{branch}]
      durability: full
      replication: true
{policy}
"""


class Failed(Exception):
    """Something around the suite did not work; the suite says nothing then."""


def options(description):
    """What both scripts can be told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/var/tmp/vela-suites"),
                        help="folder for downloads and results; every user must be able to reach it (default: %(default)s)")
    parser.add_argument("--postgres", type=pathlib.Path, metavar="BIN",
                        help="folder with initdb and postgres (default: the newest in /usr/lib/postgresql)")
    parser.add_argument("--vela", type=pathlib.Path, default=CHECKOUT / "vela", help="the command vela (default: the checkout's)")
    parser.add_argument("--vela-option", action="append", default=[], metavar="WORD", help="one more word for vela up; can be repeated")
    parser.add_argument("--policy", action="append", default=[], metavar="'KEY: VALUE'",
                        help="one more line for the branch's policy, as 'suspend-after: 1s'; can be repeated")
    return parser


def say(text):
    print(text, flush=True)


def run(command, limit=600, **more):
    """Runs a program to its end and returns what it said; its errors become ours."""
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=limit, check=False, **more)
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{command[0]} did not end within {limit} s") from late
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(what, condition, limit):
    """Asks until the answer is true."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.05)
    raise Failed(f"{what}: not within {limit} s")


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


class Server:
    """Where a suite connects."""

    def __init__(self, name, port):
        self.name = name
        self.host = "127.0.0.1"
        self.port = port

    def query(self, sql, database=DATABASE):
        """Rows of a query of the superuser, each a list."""
        environment = dict(os.environ, PGPASSWORD=SUPERUSER_PASSWORD, PGCONNECT_TIMEOUT="30")
        target = f"host={self.host} port={self.port} user={SUPERUSER} dbname={database} sslmode=disable"
        told = run(["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", sql, target], env=environment)
        return [line.split("\t") for line in told.splitlines()]


class Servers:
    """Both, for the time of a with block: `direct` and `vela`."""

    def __init__(self, chosen):
        self.chosen = chosen
        self.bin = chosen.postgres or newest_postgres()
        chosen.work.mkdir(parents=True, exist_ok=True)
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=chosen.work))
        self.top.chmod(0o755)
        self.data = self.top / "cluster"
        self.vela_data = self.top / "vela"
        self.processes = []

    def __enter__(self):
        try:
            self.direct = Server("direct", free_port())
            self.make_cluster()
            self.vela = Server("vela", free_port())
            self.start_vela()
            self.start_direct()
            self.compare_settings()
            return self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def make_cluster(self):
        self.data.mkdir()
        password = self.top / "password"
        password.write_text(SUPERUSER_PASSWORD + "\n")
        if os.geteuid() == 0:
            shutil.chown(self.data, "postgres", "postgres")
        run(as_postgres([self.bin / "initdb", "-D", self.data, "-U", SUPERUSER, "-A", "md5", f"--pwfile={password}",
                         "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]))
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(SETTINGS)
        (self.data / "pg_hba.conf").write_text(ACCESS)
        self.start_direct()
        self.direct.query(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", "postgres")
        self.direct.query(f"CREATE DATABASE {DATABASE} OWNER {USER}", "postgres")
        for extension in ("hstore", "citext"):
            self.direct.query(f"CREATE EXTENSION {extension}")
        self.stop(self.processes.pop())

    def start_direct(self):
        self.start("postgres", as_postgres([self.bin / "postgres", "-D", self.data, "-p", self.direct.port,
                                            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]), signal.SIGINT)
        wait_for("postgres", lambda: answers(self.direct, "postgres"), 30)

    def start_vela(self):
        config = self.top / "vela.yaml"
        policy = "\n".join("      " + line for line in self.chosen.policy)
        config.write_text(CONFIG.format(port=self.vela.port, branch=BRANCH, postgres=self.bin.parent, policy=policy))
        # The first call builds Vela if need be.
        run([self.chosen.vela, "--version"])
        log = self.start("vela", [self.chosen.vela, "up", "--data", self.vela_data, "--config", config, *self.chosen.vela_option],
                         signal.SIGTERM)
        up = self.processes[-1][1]
        wait_for("vela up", lambda: up.poll() is not None or re.search(r"^ready", log.read_text(), re.MULTILINE), 120)
        if up.poll() is not None:
            raise Failed(f"vela up ended\n{log.read_text()}")
        run([self.chosen.vela, "baseline", "import", "main", "--from", f"dir:{self.data}"], env=dict(os.environ, VELA_DATA=str(self.vela_data)))
        self.vela.query("SELECT 1")

    def compare_settings(self):
        """Says how the servers' settings differ: what Vela guards, and nothing that a client sees."""
        sql = "SELECT name, setting FROM pg_settings"
        direct, vela = (dict(server.query(sql)) for server in (self.direct, self.vela))
        version = self.direct.query("SHOW server_version")[0][0]
        if version != self.vela.query("SHOW server_version")[0][0]:
            raise Failed("the branch runs on another Postgres")
        differ = sorted(name for name in direct.keys() | vela.keys() if direct.get(name) != vela.get(name))
        say(f"postgres {version} directly and through Vela; settings that differ: {', '.join(differ)}")

    def start(self, name, command, ending):
        log = self.top / f"{name}.log"
        with open(log, "ab") as file:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.processes.append((name, process, ending))
        return log

    def stop(self, started):
        name, process, ending = started
        process.send_signal(ending)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            say(f"{name} did not end within 60 s and was killed")

    def close(self):
        while self.processes:
            self.stop(self.processes.pop())
        kept = self.chosen.work / "logs"
        kept.mkdir(exist_ok=True)
        for log in [*self.top.glob("*.log"), *self.vela_data.glob("*.log")]:
            shutil.copy(log, kept / (log.name if log.parent == self.top else "server-" + log.name))
        pool = self.vela_data / "pool"
        if os.path.ismount(pool):
            run(["umount", pool])
        shutil.rmtree(self.top, ignore_errors=True)


def answers(server, database):
    try:
        return server.query("SELECT 1", database)
    except Failed:
        return False


def newest_postgres():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise Failed("no Postgres in /usr/lib/postgresql: install the Debian package postgresql")
    return found[-1].parent


def as_postgres(command):
    """Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", *command]


def main(suite):
    """Runs a script's work: its return value is the exit code."""
    # Ended from outside, both servers are stopped all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(suite())
    except Failed as failed:
        print(f"not run: {failed}", file=sys.stderr)
        sys.exit(2)
