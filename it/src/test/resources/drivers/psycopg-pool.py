"""psycopg_pool through Vela, as ConnectionPoolsTest tells it: a line each, answered by `ok` or by why not. See README.md."""

import os
import sys
import threading

import psycopg_pool

env = os.environ
SIZE = int(env["VELA_POOL"])
pool = psycopg_pool.ConnectionPool(
    f"host=127.0.0.1 port={env['VELA_PORT']} user={env['VELA_USER']} password={env['VELA_PASSWORD']}"
    f" dbname={env['VELA_DATABASE']}@{env['VELA_BRANCH']} sslmode=disable",
    min_size=SIZE,
    # A check in a transaction is a transaction, and no ping.
    kwargs={"autocommit": True},
)
pool.wait(60)


def on_each(act):
    """Each connection of the pool once, all at the same time."""
    all_there, errors = threading.Barrier(SIZE, timeout=60), []

    def one():
        try:
            with pool.connection(timeout=60) as connection:
                all_there.wait()
                act(connection)
        except Exception as error:  # whatever it is, it is what came of it
            errors.append(repr(error))

    threads = [threading.Thread(target=one) for _ in range(SIZE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise AssertionError(errors)


def use():
    on_each(lambda connection: connection.execute("INSERT INTO used VALUES (%s)", ["psycopg"]))


def ping():
    pool.check()


for line in sys.stdin:
    try:
        {"use": use, "ping": ping}[line.strip()]()
        lost = pool.get_stats().get("connections_lost", 0)
        print("ok" if lost == 0 else f"{lost} connections lost", flush=True)
    except Exception as error:  # as above
        print(repr(error).replace("\n", " | "), flush=True)
