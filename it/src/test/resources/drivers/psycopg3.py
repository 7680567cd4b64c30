"""psycopg 3 through Vela: one line a check, `ok NAME` or `FAILED NAME: why`. See README.md."""

import os
import threading

import psycopg

env = os.environ
BRANCH = env["VELA_BRANCH"]
TOKEN_USER = env["VELA_USER"] + "~" + env["VELA_TOKEN_ID"]
BEARER = "vela_" + env["VELA_TOKEN_ID"] + "_" + env["VELA_TOKEN_SECRET"]


def connect(**words):
    settings = {
        "host": "127.0.0.1",
        "port": env["VELA_PORT"],
        "user": env["VELA_USER"],
        "password": env["VELA_PASSWORD"],
        "dbname": env["VELA_DATABASE"] + "@" + BRANCH,
        "sslmode": "disable",
        "connect_timeout": "20",
        "autocommit": True,
    }
    settings.update(words)
    return psycopg.connect(**settings)


def same(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} instead of {expected!r}")


def in_branch(**words):
    with connect(**words) as connection:
        same(
            connection.execute("SELECT current_user, name FROM marker").fetchone(),
            (words.get("role", env["VELA_USER"]), BRANCH),
        )


def refused(sqlstate, text, **words):
    # psycopg 3.1 has no SQLSTATE of a connection that fails: libpq keeps only its text.
    try:
        connect(**words).close()
    except psycopg.OperationalError as error:
        if text not in str(error):
            raise AssertionError(f"{error} instead of {sqlstate}: {text}")
    else:
        raise AssertionError("let in instead of " + sqlstate)


def database_name():
    in_branch()


def option():
    in_branch(dbname=env["VELA_DATABASE"], options="branch=" + BRANCH)


def option_setting():
    in_branch(dbname=env["VELA_DATABASE"], options="-c vela.branch=" + BRANCH)
    with connect(
        dbname=env["VELA_DATABASE"], options=f"-c work_mem=7MB -c vela.branch={BRANCH}"
    ) as connection:
        same(connection.execute("SHOW work_mem").fetchone()[0], "7MB")


def server_name():
    in_branch(
        dbname=env["VELA_DATABASE"],
        host=env["VELA_SERVER_NAME"],
        hostaddr="127.0.0.1",
        sslmode="verify-full",
        sslrootcert=env["VELA_CA"],
    )


def token_user():
    in_branch(dbname=env["VELA_DATABASE"], user=TOKEN_USER, password=env["VELA_TOKEN_SECRET"])


def token_bearer():
    in_branch(dbname=env["VELA_DATABASE"] + "@" + BEARER, password="")
    in_branch(dbname=env["VELA_DATABASE"], options="branch=" + BEARER, password="")


def token_binding():
    in_branch(
        dbname=env["VELA_DATABASE"],
        user=TOKEN_USER,
        password=env["VELA_TOKEN_SECRET"],
        sslmode="require",
        channel_binding="require",
    )


def wrong_password():
    refused("28P01", "password authentication failed for user", password="wrong")


def scram_plus():
    in_branch(sslmode="require", channel_binding="require")


def md5():
    with connect(user="old", password="old") as connection:
        same(connection.execute("SELECT current_user").fetchone()[0], "old")


def tls_disable():
    in_branch(sslmode="disable")
    refused("28000", "encrypted connections only", port=env["VELA_TLS_PORT"], sslmode="disable")


def tls_require():
    in_branch(port=env["VELA_TLS_PORT"], sslmode="require")


def tls_verify_full():
    full = {"host": "localhost", "hostaddr": "127.0.0.1", "sslmode": "verify-full"}
    in_branch(sslrootcert=env["VELA_CA"], **full)
    refused("", "certificate verify failed", sslrootcert=env["VELA_OTHER_CA"], **full)
    full["host"] = "elsewhere.test"
    refused("", "does not match host name", sslrootcert=env["VELA_CA"], **full)


def prepared():
    with connect() as connection:
        for number in (1, 2, 3):
            row = connection.execute("SELECT %s::int + 40", [number], prepare=True).fetchone()
            same(row[0], number + 40)
        same(connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()[0], 1)


def copy_in():
    with connect() as connection:
        with connection.cursor() as cursor:
            with cursor.copy("COPY filled FROM STDIN") as copy:
                for number in range(10_000):
                    copy.write_row((number, "name " + str(number)))
        same(connection.execute("SELECT count(*), max(id) FROM filled").fetchone(), (10000, 9999))


def copy_out():
    with connect() as connection:
        with connection.cursor() as cursor:
            with cursor.copy("COPY (SELECT generate_series(1, 10000)) TO STDOUT") as copy:
                same(sum(int(row[0]) for row in copy.rows()), 50005000)


def hear(check):
    with connect() as connection, connect() as other:
        connection.execute("LISTEN news")
        other.execute("SELECT pg_notify('news', 'hello')")
        notice = next(connection.notifies())
        check(notice, other)


def listen():
    hear(lambda notice, _: same((notice.channel, notice.payload), ("news", "hello")))


def listen_process():
    hear(lambda notice, other: same(notice.pid, other.info.backend_pid))


def cancel_on(**words):
    with connect(**words) as connection, connect() as other:
        watcher = threading.Thread(target=when_asleep, args=(other, connection))
        watcher.start()
        try:
            connection.execute("SELECT pg_sleep(30)")
            raise AssertionError("not cancelled")
        except psycopg.errors.QueryCanceled as error:
            same(error.sqlstate, "57014")
        watcher.join()
        same(connection.execute("SELECT 1").fetchone()[0], 1)


def when_asleep(other, connection):
    wait = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    while other.execute(wait).fetchone()[0] == 0:
        pass
    connection.cancel()


def cancel():
    cancel_on()


def cancel_tls():
    cancel_on(port=env["VELA_TLS_PORT"], sslmode="require")


def errors():
    with connect() as connection:
        for sql, sqlstate in (
            ("INSERT INTO marker VALUES (%s)", "23505"),
            ("SELECT %s FROM no_such_table", "42P01"),
            ("SELECT %s::int / 0", "22P02"),
        ):
            try:
                connection.execute(sql, [BRANCH])
                raise AssertionError("no error instead of " + sqlstate)
            except psycopg.Error as error:
                same(error.sqlstate, sqlstate)
                if sqlstate == "23505":
                    same(error.diag.constraint_name, "marker_pkey")
        same(connection.execute("SELECT 1").fetchone()[0], 1)


def no_branch():
    refused("3D000", "no branch was named", dbname=env["VELA_DATABASE"])


CHECKS = {
    "database-name": database_name,
    "option": option,
    "option-setting": option_setting,
    "server-name": server_name,
    "token-user": token_user,
    "token-bearer": token_bearer,
    "token-binding": token_binding,
    "no-branch": no_branch,
    "wrong-password": wrong_password,
    "scram-plus": scram_plus,
    "md5": md5,
    "tls-disable": tls_disable,
    "tls-require": tls_require,
    "tls-verify-full": tls_verify_full,
    "prepared": prepared,
    "copy-in": copy_in,
    "copy-out": copy_out,
    "listen": listen,
    "listen-process": listen_process,
    "cancel": cancel,
    "cancel-tls": cancel_tls,
    "errors": errors,
}

for name, check in CHECKS.items():
    try:
        check()
        print("ok", name, flush=True)
    except Exception as error:  # whatever it is, it is what the check came to
        print(f"FAILED {name}: {type(error).__name__} {error}".replace("\n", " | "), flush=True)
