#!/usr/bin/env python3
"""What a crash of the host leaves of a branch.

A TPC-B-like load with a ledger runs on a clone in a loop-backed btrfs, as Vela makes it. The file
behind the pool lies on an xfs, and `cp --reflink` of it at a random moment is what a disk would hold
after a crash at that moment: with direct I/O the loop device keeps nothing back, and xfs shares the
blocks in one step. Each such cut is then mounted, recovered by Postgres and examined.

Runs as root, on loop devices of its own below --work; touches nothing else. README.md says how to
read what it prints.
"""

import argparse
import json
import mmap
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import time

CLIENTS = 4
PAGE = 8192
DATABASE = "postgres"
PORT = 54399

LOAD = """
\\set n :n + 1
\\set aid random(1, 100000 * :scale)
\\set bid random(1, 1 * :scale)
\\set tid random(1, 10 * :scale)
\\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, now());
INSERT INTO ledger VALUES (:client_id, :n, :delta);
END;
"""

SUMS = """
SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
  (SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history),
  (SELECT sum(delta) FROM ledger), (SELECT count(*) FROM pgbench_history),
  (SELECT count(*) FROM ledger)
"""

HEAPS = """
SELECT count(*) FROM pg_class c, verify_heapam(c.oid)
WHERE c.relkind IN ('r', 't', 'm') AND c.relpersistence = 'p'
"""

INDEXES = """
SELECT count(bt_index_check(c.oid, i.indrelid >= 16384)) FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'btree' AND i.indisvalid AND c.relpersistence = 'p'
"""


def run(*argv, check=True, **more):
    done = subprocess.run(
        [str(word) for word in argv], capture_output=True, text=True, **more
    )
    if check and done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, argv))}: {done.stderr.strip()}")
    return done.stdout.strip()


class Disk:
    """A file with a file system, behind a loop device, mounted."""

    def __init__(self, file, folder, options, direct):
        self.file, self.folder, self.options, self.direct = file, folder, options, direct
        folder.mkdir(exist_ok=True)

    def __enter__(self):
        flag = ["--direct-io=on"] if self.direct else []
        self.device = run("losetup", "--find", "--show", *flag, self.file)
        mounted = subprocess.run(
            ["mount", "-o", self.options, self.device, str(self.folder)], capture_output=True, text=True
        )
        if mounted.returncode != 0:
            run("losetup", "--detach", self.device)
            raise OSError(mounted.stderr.strip())
        return self

    def __exit__(self, *_):
        run("umount", self.folder)
        run("losetup", "--detach", self.device)


class Server:
    """One Postgres on a data directory, run by the user postgres."""

    def __init__(self, args, data, settings):
        self.args, self.data, self.settings = args, data, settings
        self.log = args.work / "server.log"

    def start(self):
        self.log.unlink(missing_ok=True)
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        argv = [
            "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
            self.args.bin / "postgres", "-D", self.data, "-k", self.args.work / "run", "-p", PORT,
            "-c", "listen_addresses=", "-c", "log_min_messages=log",
        ]
        for setting in self.settings:
            argv += ["-c", setting]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in argv], stdout=log, stderr=log, cwd="/"
            )
        limit = time.monotonic() + 120
        while self.process.poll() is None and time.monotonic() < limit:
            done = self.attempt("SELECT 1")
            if done.returncode == 0:
                return
            time.sleep(0.05)
        raise OSError("Postgres did not start: " + self.log.read_text()[-600:])

    def attempt(self, sql):
        return subprocess.run(
            ["psql", "-h", self.args.work / "run", "-p", str(PORT), "-U", "postgres", "-XAtq",
             "-v", "ON_ERROR_STOP=1", "-d", DATABASE, "-c", sql],
            capture_output=True, text=True,
        )

    def ask(self, sql):
        done = self.attempt(sql)
        if done.returncode != 0:
            raise OSError(done.stderr.strip())
        return done.stdout.strip()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(2)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.send_signal(3)
                self.process.wait(60)


def prepare(args, pool):
    """A cluster with the load's tables, cleanly stopped and frozen; answers a clone of it."""
    source = pool / "source"
    run("btrfs", "subvolume", "create", source)
    if args.nocow == "all":
        run("chattr", "+C", source)
    data = source / "data"
    data.mkdir(mode=0o700)
    shutil.chown(data, "postgres", "postgres")
    words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    run(*words, args.bin / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-k",
        "--no-sync", "-E", "UTF8", "--locale=C", cwd="/")
    server = Server(args, data, ["fsync=off", "max_wal_size=4GB"])
    server.start()
    run("pgbench", "-h", args.work / "run", "-p", PORT, "-U", "postgres", "-i", "-q", "-s",
        args.scale, DATABASE)
    server.ask("CREATE TABLE ledger (client int, n int, delta int, PRIMARY KEY (client, n))")
    server.ask("CREATE EXTENSION amcheck")
    server.ask("CREATE INDEX ON pgbench_history (aid)")
    server.ask("VACUUM (FREEZE, ANALYZE)")
    server.stop()
    run("sync", "-f", pool)
    run("btrfs", "subvolume", "snapshot", source, pool / "clone")
    return pool / "clone" / "data"


def load(args, server, seconds):
    script = args.work / "load.sql"
    script.write_text(LOAD)
    return subprocess.Popen(
        ["pgbench", "-h", args.work / "run", "-p", str(PORT), "-U", "postgres", "-n", "-c",
         str(CLIENTS), "-j", "2", "-T", str(seconds), "-M", "prepared", "-f", script, "-D", "n=0",
         "-D", f"scale={args.scale}", "-l", "--log-prefix", args.work / "ack", DATABASE],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )


def bulk(args, seconds):
    """What writes pages soon after they were changed: checkpoints, and the small rings of bulk work."""
    script = args.work / "bulk.sql"
    script.write_text(
        "CREATE TABLE IF NOT EXISTS bulk (i int PRIMARY KEY, t text);\n"
        "INSERT INTO bulk SELECT i, repeat('x', 200) FROM generate_series(1, 5000) i"
        " ON CONFLICT (i) DO UPDATE SET t = excluded.t;\n"
        "CHECKPOINT;\nVACUUM bulk;\n"
    )
    return subprocess.Popen(
        ["pgbench", "-h", args.work / "run", "-p", str(PORT), "-U", "postgres", "-n", "-c", "1",
         "-T", str(seconds), "-f", script, DATABASE],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )


def acknowledged(args):
    """For each client the times at which its transactions began and were acknowledged."""
    times = {client: [] for client in range(CLIENTS)}
    for file in args.work.glob("ack.*"):
        for line in file.read_text().splitlines():
            client, _, elapsed, _, second, micro = line.split()[:6]
            end = int(second) + int(micro) / 1e6
            times[int(client)].append((end - int(elapsed) / 1e6, end))
    return times


def pages_ahead(data, end):
    """Pages whose newest change is not in the WAL that recovery found."""
    ahead = 0
    newest = 0
    for file in (data / "base").glob("*/*"):
        if re.fullmatch(r"\d+(_vm)?(\.\d+)?", file.name) and file.stat().st_size >= PAGE:
            with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as view:
                for at in range(0, len(view) - PAGE + 1, PAGE):
                    high, low = struct.unpack_from("<II", view, at)
                    lsn = high << 32 | low
                    if lsn > end:
                        ahead += 1
                        newest = max(newest, lsn)
    return ahead, newest


def lsn(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def examine(args, cut, times, moment):
    """All that is wrong with a cut, and how old its newest transaction is."""
    wrong = []
    report = {"cut": cut.name, "wrong": wrong}
    try:
        disk = Disk(cut, args.work / "cut", args.mount, True)
        with disk:
            examine_mounted(args, disk.folder / "clone" / "data", times, moment, report)
    except OSError as e:
        wrong.append("not mounted: " + str(e))
    return report


def examine_mounted(args, data, times, moment, report):
    wrong = report["wrong"]
    # Before Postgres writes: what the pages say of themselves is compared with the end of the WAL
    # that recovery finds, on a second snapshot that stays as the crash left it.
    untouched = data.parent.parent / "untouched"
    run("btrfs", "subvolume", "snapshot", "-r", data.parent, untouched)
    server = Server(args, data, args.setting + ["autovacuum=off", f"shared_buffers=64MB"])
    try:
        server.start()
    except OSError as e:
        wrong.append("not started: " + str(e)[-300:])
        server.stop()
        return
    try:
        end = lsn(server.ask("SELECT checkpoint_lsn FROM pg_control_checkpoint()"))
        ahead, newest = pages_ahead(untouched / "data", end)
        report["recovered"] = "redo done" in server.log.read_text()
        if ahead:
            wrong.append(f"{ahead} pages are ahead of the WAL, by up to {newest - end} bytes")
        for name, check in (("sums", SUMS), ("heaps", HEAPS), ("indexes", INDEXES)):
            done = server.attempt(check)
            if done.returncode != 0:
                wrong.append(f"{name}: {done.stderr.strip()[:200]}")
            elif name == "sums":
                values = done.stdout.strip().split("|")
                if len(set(values[:5])) != 1 or len(set(values[5:])) != 1:
                    wrong.append(f"sums differ: {values}")
            elif name == "heaps" and done.stdout.strip() != "0":
                wrong.append(f"verify_heapam found {done.stdout.strip()}")
        rows = server.attempt("SELECT client, count(*), max(n) FROM ledger GROUP BY client")
        if rows.returncode == 0:
            ledger(rows.stdout, times, moment, report, args.lag)
        else:
            wrong.append("ledger: " + rows.stderr.strip()[:200])
    finally:
        server.stop()
    checked = subprocess.run(
        [str(args.bin / "pg_checksums"), "--check", "-D", str(data)], capture_output=True, text=True
    ) if (args.bin / "pg_checksums").exists() else None
    if checked and checked.returncode != 0:
        wrong.append("pg_checksums: " + checked.stderr.strip()[:200])


def ledger(text, times, moment, report, lag):
    wrong = report["wrong"]
    found = {client: 0 for client in times}
    for line in text.split():
        client, count, newest = map(int, line.split("|"))
        found[client] = newest
        if count != newest:
            wrong.append(f"client {client}: {count} rows of {newest}")
    lost = []
    kept = []
    for client, count in found.items():
        lost += [end for _, end in times[client][count:] if end < moment]
        kept += [begin for begin, _ in times[client][:count]]
    report["acknowledged"] = sum(1 for all in times.values() for _, end in all if end < moment)
    report["lost"] = len(lost)
    report["lost_seconds"] = round(moment - min(lost), 2) if lost else 0
    if report["lost_seconds"] > lag:
        wrong.append(f"lost what was acknowledged {report['lost_seconds']} s before")
    # Who began after another was acknowledged saw it: it cannot be there without the other.
    if lost and kept and max(kept) > min(lost):
        wrong.append(f"a hole of {max(kept) - min(lost):.3f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/vela-host-crash"))
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("/usr/lib/postgresql/15/bin"))
    parser.add_argument("--mount", default="noatime,discard=async,flushoncommit,commit=5")
    parser.add_argument("--nocow", choices=["none", "all"], default="none")
    parser.add_argument("--setting", action="append", default=[])
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--every", type=float, default=6, help="seconds between two cuts, on average")
    parser.add_argument("--scale", type=int, default=10)
    parser.add_argument("--churn", action="store_true", help="checkpoints and bulk writes without end")
    parser.add_argument("--lag", type=float, default=10, help="seconds that may be lost")
    args = parser.parse_args()
    if args.work.exists():
        sys.exit(f"{args.work} is there already")
    args.work.mkdir(parents=True)
    (args.work / "run").mkdir()
    shutil.chown(args.work / "run", "postgres", "postgres")
    try:
        host = args.work / "host.xfs"
        run("truncate", "-s", "24G", host)
        run("mkfs.xfs", "-q", "-m", "reflink=1", host)
        with Disk(host, args.work / "host", "noatime", False) as on:
            image = on.folder / "pool.btrfs"
            run("truncate", "-s", "8G", image)
            run("mkfs.btrfs", "-q", "--nodiscard", "--metadata", "single", "--data", "single", image)
            cuts, times = crash(args, on.folder, image)
            bad = 0
            for cut, moment in cuts:
                report = examine(args, cut, times, moment)
                bad += bool(report["wrong"])
                print(json.dumps(report), flush=True)
                cut.unlink()
            print(json.dumps({"cuts": len(cuts), "wrong": bad}))
    finally:
        if not os.path.ismount(args.work / "host"):
            shutil.rmtree(args.work)
    sys.exit(1 if bad else 0)


def crash(args, host, image):
    with Disk(image, args.work / "pool", args.mount, True) as pool:
        data = prepare(args, pool.folder)
        server = Server(args, data, args.setting)
        server.start()
        seconds = int(args.cuts * args.every + 10)
        client = load(args, server, seconds)
        churn = bulk(args, seconds) if args.churn else None
        cuts = []
        time.sleep(5)
        for number in range(args.cuts):
            time.sleep(random.uniform(0.5, 1.5) * args.every)
            if client.poll() is not None:
                break
            cut = host / f"cut-{number}"
            moment = time.time()
            run("cp", "--reflink=always", image, cut)

            cuts.append((cut, moment))
        print(client.communicate()[0].strip().splitlines()[-1], flush=True)
        if churn:
            churn.wait()
        server.stop()
        return cuts, acknowledged(args)


main()
