#!/usr/bin/env bash
# psql through Vela, with the libpq that LD_LIBRARY_PATH finds: one line a check, `ok NAME` or `FAILED NAME: why`. See README.md.
set -uo pipefail
if [ -n "${LIBPQ_PATH:-}" ]; then
  export LD_LIBRARY_PATH=$LIBPQ_PATH
fi
token_user=$VELA_USER~$VELA_TOKEN_ID
bearer=vela_${VELA_TOKEN_ID}_$VELA_TOKEN_SECRET
named="host=127.0.0.1 port=$VELA_PORT user=$VELA_USER dbname=$VELA_DATABASE@$VELA_BRANCH sslmode=disable"
unnamed="host=127.0.0.1 port=$VELA_PORT user=$VELA_USER dbname=$VELA_DATABASE sslmode=disable"
export PGPASSWORD=$VELA_PASSWORD PGCONNECT_TIMEOUT=20
exec 2>&1

# sql CONNECTION SQL: the rows, with all errors and notices.
sql() {
  "$PSQL" -XAtq -v VERBOSITY=verbose "$1" -c "$2" 2>&1
}

expect() { # WHAT IT SAYS, PATTERN
  # shellcheck disable=SC2053
  [[ $1 == $2 ]] || { echo "$1 instead of $2"; return 1; }
}

in_branch() { # CONNECTION
  expect "$(sql "$1" 'SELECT current_user, name FROM marker')" "$VELA_USER|$VELA_BRANCH"
}

database_name() { in_branch "$named"; }

option() { in_branch "$unnamed options='branch=$VELA_BRANCH'"; }

option_setting() {
  in_branch "$unnamed options='-c vela.branch=$VELA_BRANCH'" &&
    expect "$(sql "$unnamed options='-c work_mem=7MB -c vela.branch=$VELA_BRANCH'" 'SHOW work_mem')" 7MB
}

server_name() {
  in_branch "$unnamed sslmode=verify-full sslrootcert=$VELA_CA host=$VELA_SERVER_NAME hostaddr=127.0.0.1"
}

token_user() { PGPASSWORD=$VELA_TOKEN_SECRET in_branch "$unnamed user=$token_user"; }

token_bearer() {
  PGPASSWORD='' in_branch "$unnamed dbname=$VELA_DATABASE@$bearer" && PGPASSWORD='' in_branch "$unnamed options='branch=$bearer'"
}

token_binding() {
  PGPASSWORD=$VELA_TOKEN_SECRET in_branch "$unnamed user=$token_user sslmode=require channel_binding=require"
}


# psql prints no SQLSTATE of a connection that fails.
no_branch() { expect "$(sql "$unnamed" 'SELECT 1')" '*FATAL:  no branch was named*HINT:*'; }

wrong_password() {
  expect "$(PGPASSWORD=wrong sql "$named" 'SELECT 1')" "*FATAL:  password authentication failed for user \"$VELA_USER\""
}

scram_plus() { in_branch "$named sslmode=require channel_binding=require"; }

md5() { expect "$(PGPASSWORD=old sql "$named user=old" 'SELECT current_user')" old; }

tls_disable() {
  in_branch "$named" && expect "$(sql "$named port=$VELA_TLS_PORT" 'SELECT 1')" '*FATAL:*encrypted connections only*'
}

tls_require() { in_branch "$named port=$VELA_TLS_PORT sslmode=require"; }

tls_verify_full() {
  local full="$named port=$VELA_TLS_PORT sslmode=verify-full hostaddr=127.0.0.1"
  in_branch "$full host=localhost sslrootcert=$VELA_CA" &&
    expect "$(sql "$full host=localhost sslrootcert=$VELA_OTHER_CA" 'SELECT 1')" '*certificate verify failed*' &&
    expect "$(sql "$full host=elsewhere.test sslrootcert=$VELA_CA" 'SELECT 1')" '*does not match host name*'
}

tls_direct() {
  in_branch "$named port=$VELA_TLS_PORT sslmode=require sslnegotiation=direct" &&
    in_branch "$unnamed port=$VELA_TLS_PORT sslmode=verify-full sslnegotiation=direct sslrootcert=$VELA_CA host=$VELA_SERVER_NAME hostaddr=127.0.0.1"
}

prepared() {
  expect "$(sql "$named" 'PREPARE plus(int) AS SELECT $1 + 40; EXECUTE plus(1); EXECUTE plus(2)')" $'41\n42'
}

copy_in() {
  expect "$(seq 0 9999 | sed 's/.*/&\tname &/' | sql "$named" '\copy filled FROM STDIN')" '' &&
    expect "$(sql "$named" 'SELECT count(*), max(id) FROM filled')" '10000|9999'
}

copy_out() {
  expect "$(sql "$named" '\copy (SELECT generate_series(1, 10000)) TO STDOUT' | sha256sum)" "$(seq 10000 | sha256sum)"
}

listen() {
  expect "$(sql "$named" "LISTEN news; SELECT pg_notify('news', 'hello')")" \
    '*Asynchronous notification "news" with payload "hello" received from server process with PID *'
}

cancel_on() { # CONNECTION
  local said asleep=0
  said=$(mktemp)
  "$PSQL" -XAtq -v VERBOSITY=verbose "$1 application_name=sleeper" -c 'SELECT pg_sleep(30)' -c 'SELECT 1' >"$said" 2>&1 &
  local psql=$!
  while [ "$asleep" = 0 ]; do
    asleep=$(sql "$named" "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sleeper' AND wait_event = 'PgSleep'")
  done
  kill -INT "$psql"
  wait "$psql"
  expect "$(cat "$said")" '*ERROR:  57014: canceling statement due to user request*'
  local result=$?
  rm "$said"
  return "$result"
}

cancel() { cancel_on "$named"; }

cancel_tls() { cancel_on "$named port=$VELA_TLS_PORT sslmode=require"; }

errors() {
  expect "$(sql "$named" "INSERT INTO marker VALUES ('$VELA_BRANCH')")" \
    '*ERROR:  23505: duplicate key value violates unique constraint "marker_pkey"*CONSTRAINT NAME:  marker_pkey*' &&
    expect "$(sql "$named" 'SELECT * FROM no_such_table')" '*ERROR:  42P01: relation "no_such_table" does not exist*' &&
    expect "$(sql "$named" "SELECT 'x'::int")" '*ERROR:  22P02:*'
}

for check in database_name option option_setting server_name token_user token_bearer token_binding no_branch wrong_password \
  scram_plus md5 tls_disable tls_require tls_verify_full ${LIBPQ_PATH:+tls_direct} prepared copy_in copy_out listen cancel cancel_tls errors; do
  if said=$($check); then
    echo "ok ${check//_/-}"
  else
    echo "FAILED ${check//_/-}: ${said//$'\n'/ | }"
  fi
done
