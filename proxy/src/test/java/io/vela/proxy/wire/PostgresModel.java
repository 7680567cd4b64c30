package io.vela.proxy.wire;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * How a Postgres backend answers messages, as PostgresMain and CopyGetData do it (src/backend/tcop/
 * postgres.c, src/backend/commands/copyfromparse.c), reduced to types. A message is its type and
 * what becomes of it: {@code o} it works, {@code f} it fails, {@code c} it starts a copy in.
 */
final class PostgresModel {
  private final Deque<String> unread = new ArrayDeque<>();
  private final StringBuilder written = new StringBuilder();
  private boolean skipping;
  private boolean copying;
  private boolean copyIsExtended;

  void receive(String message) {
    unread.add(message);
  }

  /** Handles one message that has arrived. */
  void work() {
    if (!unread.isEmpty()) {
      handle(unread.remove());
    }
  }

  /** All that was answered since the last call, as types. */
  String take() {
    var types = written.toString();
    written.setLength(0);
    return types;
  }

  boolean waitsForClient() {
    return skipping || copying;
  }

  boolean quiet() {
    return unread.isEmpty() && written.isEmpty();
  }

  /**
   * Whether what has arrived will bring any answer, or leave the server in the middle of something.
   */
  boolean owes() {
    if (!written.isEmpty()) {
      return true;
    }
    var copy = new PostgresModel();
    copy.skipping = skipping;
    copy.copying = copying;
    copy.copyIsExtended = copyIsExtended;
    copy.unread.addAll(unread);
    while (!copy.unread.isEmpty()) {
      copy.work();
    }
    return !copy.written.isEmpty() || copy.waitsForClient();
  }

  private void handle(String message) {
    char type = message.charAt(0);
    char outcome = message.charAt(1);
    if (copying) {
      copyMessage(type, outcome);
      return;
    }
    if (type == 'S') {
      skipping = false;
      written.append('Z');
      return;
    }
    if (skipping) {
      return;
    }
    switch (type) {
      case 'Q' -> query(outcome, false);
      case 'F' -> written.append(outcome == 'f' ? "EZ" : "VZ");
      case 'E' -> query(outcome, true);
      case 'P', 'B', 'D', 'C' -> {
        if (outcome == 'f') {
          fail(true);
        } else {
          written.append('1');
        }
      }
      default -> {}
    }
  }

  private void query(char outcome, boolean extended) {
    switch (outcome) {
      case 'f' -> fail(extended);
      case 'c' -> {
        copying = true;
        copyIsExtended = extended;
        written.append('G');
      }
      default -> written.append(extended ? "C" : "CZ");
    }
  }

  private void copyMessage(char type, char outcome) {
    switch (type) {
      case 'S', 'H' -> {}
      case 'c' -> {
        copying = false;
        written.append(copyIsExtended ? "C" : "CZ");
      }
      case 'd' -> {
        if (outcome == 'f') {
          copying = false;
          fail(copyIsExtended);
        }
      }
      default -> {
        copying = false;
        fail(copyIsExtended);
      }
    }
  }

  private void fail(boolean extended) {
    written.append('E');
    if (extended) {
      skipping = true;
    } else {
      written.append('Z');
    }
  }
}
