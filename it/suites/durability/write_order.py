#!/usr/bin/env python3
"""Whether a file system keeps the order of writes to several files through a crash of the host.

One process does what a database does: it writes a numbered record to a log, then the same number
into pages of other files, and never syncs. Cuts are taken as in host_crash.py. A page whose record
is not in the log of the same cut is a write that is there without one that came before it.
"""

import argparse
import multiprocessing
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import time

PAGE = 4096
PAGES = 256
RECORD = 64
LOG_BYTES = 16 << 20


def run(*argv):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, argv))}: {done.stderr.strip()}")
    return done.stdout.strip()


def mount(file, folder, options, direct):
    device = run("losetup", "--find", "--show", *(["--direct-io=on"] if direct else []), file)
    run("mount", "-o", options, device, folder)
    return device


def unmount(folder, device):
    run("umount", folder)
    run("losetup", "--detach", device)


def write(folder, args, seconds):
    log = os.open(folder / "log", os.O_RDWR | os.O_CREAT)
    files = [os.open(folder / f"data-{i}", os.O_RDWR | os.O_CREAT) for i in range(args.files)]
    for file in files:
        os.pwrite(file, bytes(PAGE * PAGES), 0)
    number = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(50):
            number += 1
            page = struct.pack("<Q", number) * (PAGE // 8)
            os.pwrite(log, page[:RECORD], number * RECORD % LOG_BYTES)
            for _ in range(2):
                os.pwrite(random.choice(files), page, PAGE * random.randrange(PAGES))
        time.sleep(50 / args.rate)


def numbers(file, step):
    data = file.read_bytes() if file.exists() else b""
    return [struct.unpack_from("<Q", data, at)[0] for at in range(0, len(data) - step + 1, step)]


def examine(folder, args):
    newest = max(numbers(folder / "log", RECORD), default=0)
    pages = [n for i in range(args.files) for n in numbers(folder / f"data-{i}", PAGE)]
    ahead = [n for n in pages if n > newest]
    return len(ahead), (max(ahead) - newest) / args.rate * 1000 if ahead else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/vela-write-order"))
    parser.add_argument("--mount", default="noatime,discard=async,flushoncommit,commit=5")
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--every", type=float, default=3)
    parser.add_argument("--files", type=int, default=32)
    parser.add_argument("--rate", type=int, default=8000, help="records a second")
    args = parser.parse_args()
    args.work.mkdir()
    host, pool = args.work / "host", args.work / "pool"
    host.mkdir()
    pool.mkdir()
    run("truncate", "-s", "12G", args.work / "host.xfs")
    run("mkfs.xfs", "-q", "-m", "reflink=1", args.work / "host.xfs")
    outer = mount(args.work / "host.xfs", host, "noatime", False)
    image = host / "pool.btrfs"
    run("truncate", "-s", "4G", image)
    run("mkfs.btrfs", "-q", "--nodiscard", "--metadata", "single", "--data", "single", image)
    inner = mount(image, pool, args.mount, True)
    writer = multiprocessing.Process(
        target=write, args=(pool, args, args.cuts * args.every * 1.5 + 10)
    )
    writer.start()
    time.sleep(8)
    for cut in range(args.cuts):
        time.sleep(random.uniform(0.5, 1.5) * args.every)
        run("cp", "--reflink=always", image, host / f"cut-{cut}")
    writer.terminate()
    writer.join()
    unmount(pool, inner)
    wrong = 0
    for cut in range(args.cuts):
        inner = mount(host / f"cut-{cut}", pool, args.mount, True)
        ahead, by = examine(pool, args)
        wrong += ahead > 0
        print(f"cut {cut}: {ahead} pages ahead of the log, by up to {by:.0f} ms", flush=True)
        unmount(pool, inner)
    print(f"{wrong} of {args.cuts} cuts are not of one moment")
    unmount(host, outer)
    shutil.rmtree(args.work)
    sys.exit(1 if wrong else 0)


main()
