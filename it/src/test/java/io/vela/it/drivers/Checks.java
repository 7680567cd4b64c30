package io.vela.it.drivers;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** What a program of a driver checks, and how it says so: a line each on its standard output. */
final class Checks {
  /** How long a driver may take for one answer. */
  static final int SECONDS = 20;

  private static final String ASLEEP =
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";

  private final Map<String, Check> checks = new LinkedHashMap<>();

  /** One promise; fails by throwing. */
  interface Check {
    void run() throws Exception;
  }

  /** Asks for a number. */
  interface Count {
    long of(String sql) throws Exception;
  }

  Checks add(String name, Check check) {
    checks.put(name, check);
    return this;
  }

  /** Runs all of them, whatever becomes of each. */
  void run() {
    checks.forEach(
        (name, check) -> {
          try {
            check.run();
            System.out.println("ok " + name);
          } catch (Exception | AssertionError e) {
            System.out.println("FAILED " + name + ": " + chain(e).replace('\n', ' '));
          }
        });
  }

  private static String chain(Throwable error) {
    var said = new StringBuilder();
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      said.append(cause);
      for (var frame : cause.getStackTrace()) {
        if (frame.getClassName().startsWith("io.vela")) {
          said.append(" at ").append(frame);
          break;
        }
      }
      said.append(" | ");
    }
    return said.toString();
  }

  /** What the test gave this program. */
  static String given(String name) {
    return Objects.requireNonNull(System.getenv(name), name);
  }

  static int port() {
    return Integer.parseInt(given("VELA_PORT"));
  }

  /** Of the address that demands TLS. */
  static int tlsPort() {
    return Integer.parseInt(given("VELA_TLS_PORT"));
  }

  static String user() {
    return given("VELA_USER");
  }

  static String tokenUser() {
    return user() + "~" + given("VELA_TOKEN_ID");
  }

  static String tokenSecret() {
    return given("VELA_TOKEN_SECRET");
  }

  static String bearer() {
    return "vela_" + given("VELA_TOKEN_ID") + "_" + tokenSecret();
  }

  static String database() {
    return given("VELA_DATABASE");
  }

  static String branch() {
    return given("VELA_BRANCH");
  }

  static String databaseOfBranch() {
    return database() + "@" + branch();
  }

  static void same(Object actual, Object expected) {
    if (!Objects.equals(actual, expected)) {
      throw new AssertionError(actual + " instead of " + expected);
    }
  }

  static void contains(Throwable error, String text) {
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      if (String.valueOf(cause.getMessage()).contains(text)) {
        return;
      }
    }
    throw new AssertionError("not \"" + text + "\"", error);
  }

  /** What an action fails with. */
  static Exception failure(Check action) {
    try {
      action.run();
    } catch (Exception e) {
      return e;
    }
    throw new AssertionError("did not fail");
  }

  /** Asks until a backend of the branch is in {@code pg_sleep}. */
  static void untilAsleep(Count count) throws Exception {
    var deadline = System.nanoTime() + SECONDS * 1_000_000_000L;
    while (count.of(ASLEEP) == 0) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("never asleep");
      }
    }
  }

  /** Rows in the text format of COPY, for the table {@code filled}. */
  static String rows() {
    var rows = new StringBuilder();
    for (int id = 0; id < 10_000; id++) {
      rows.append(id).append("\tname ").append(id).append('\n');
    }
    return rows.toString();
  }
}
