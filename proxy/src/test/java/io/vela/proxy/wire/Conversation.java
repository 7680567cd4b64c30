package io.vela.proxy.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;

/** Turns of client and server, each with the state that a tracker must have reached after it. */
record Conversation(String name, List<Turn> turns) {
  /**
   * One turn.
   *
   * @param fromClient who speaks
   * @param bytes whole messages
   * @param inFlight requests without answer after it
   * @param idle whether the conversation rests after it
   * @param status the transaction status after it
   * @param copy the COPY in progress after it
   */
  record Turn(
      boolean fromClient,
      ByteBuf bytes,
      long inFlight,
      boolean idle,
      char status,
      BackendTracker.Copy copy) {}

  @Override
  public String toString() {
    return name;
  }

  /** Writes conversations: types, then the state. */
  static final class Script {
    private final String name;
    private final List<Turn> turns = new ArrayList<>();
    private char status = 'I';
    private BackendTracker.Copy copy = BackendTracker.Copy.NONE;

    Script(String name) {
      this.name = name;
    }

    /** The client sends messages of these types. */
    Script client(String types, long inFlight, boolean idle) {
      turns.add(
          new Turn(
              true, Unpooled.wrappedBuffer(Bytes.messages(types)), inFlight, idle, status, copy));
      return this;
    }

    /** The server sends messages of these types; I, T or E after Z is its status. */
    Script server(String types, long inFlight, boolean idle) {
      var bytes = new Bytes();
      for (int i = 0; i < types.length(); i++) {
        char type = types.charAt(i);
        switch (type) {
          case ' ' -> {}
          case 'Z' -> {
            status = types.charAt(++i);
            copy = BackendTracker.Copy.NONE;
            bytes.message('Z', String.valueOf(status));
          }
          case 'E' -> {
            copy = BackendTracker.Copy.NONE;
            bytes.message('E', "SFEHLER\0VERROR\0C22012\0MVFATAL is only text\0\0");
          }
          default -> {
            copy =
                switch (type) {
                  case 'G' -> BackendTracker.Copy.IN;
                  case 'H' -> BackendTracker.Copy.OUT;
                  case 'W' -> BackendTracker.Copy.BOTH;
                  case 'C' -> BackendTracker.Copy.NONE;
                  default -> copy;
                };
            bytes.message(type, "some body");
          }
        }
      }
      turns.add(
          new Turn(false, Unpooled.wrappedBuffer(bytes.toArray()), inFlight, idle, status, copy));
      return this;
    }

    Conversation end() {
      return new Conversation(name, turns);
    }
  }

  static List<Conversation> all() {
    return List.of(
        new Script("simple query")
            .client("Q", 1, false)
            .server("T D D D C ZI", 0, true)
            .client("Q", 1, false)
            .server("N I ZI A S", 0, true)
            .client("X", 0, true)
            .end(),
        new Script("transaction that fails")
            .client("Q", 1, false)
            .server("C ZT", 0, true)
            .client("Q", 1, false)
            .server("E ZE", 0, true)
            .client("Q", 1, false)
            .server("C ZI", 0, true)
            .end(),
        new Script("several statements in one query")
            .client("Q", 1, false)
            .server("T D C C T D E", 1, false)
            .server("ZI", 0, true)
            .end(),
        new Script("extended query with every message")
            .client("P D S", 1, false)
            .server("1 t T ZI", 0, true)
            .client("B D E H", 0, false)
            .server("2 n D D s", 0, false)
            .client("E C S", 1, false)
            .server("D C 3 ZI", 0, true)
            .client("B E S", 1, false)
            .server("2 I ZT", 0, true)
            .end(),
        new Script("pipeline with an error and what it skips")
            .client("P B E S P B E P B E S P B E S Q", 4, false)
            .server("1 2 C ZI", 3, false)
            .server("1 2 E", 3, false)
            .server("ZI 1 2 D C ZI", 1, false)
            .server("T D C ZI", 0, true)
            .end(),
        new Script("error after Flush, then Sync")
            .client("P H", 0, false)
            .server("E", 0, false)
            .client("B E S", 1, false)
            .server("ZI", 0, true)
            .end(),
        new Script("copy in by simple query")
            .client("Q", 1, false)
            .server("G", 1, false)
            .client("d d d c", 1, false)
            .server("C ZI", 0, true)
            .end(),
        new Script("two copies in one simple query")
            .client("Q", 1, false)
            .server("G", 1, false)
            .client("d c", 1, false)
            .server("C G", 1, false)
            .client("d H f", 1, false)
            .server("E ZI", 0, true)
            .client("Q", 1, false)
            .server("C ZI", 0, true)
            .end(),
        new Script("copy in by simple query that the server gives up")
            .client("Q", 1, false)
            .server("G", 1, false)
            .client("d d", 1, false)
            .server("E ZI", 0, true)
            .client("d d c", 0, true)
            .client("P B E S", 1, false)
            .server("1 2 G", 0, false)
            .client("d c S", 1, false)
            .server("C ZI", 0, true)
            .end(),
        new Script("copy in by extended query, as libpq does it")
            .client("P B D E S", 1, false)
            .server("1 2 n G", 0, false)
            .client("d d", 0, false)
            .client("c S", 1, false)
            .server("C ZI", 0, true)
            .end(),
        new Script("copy in by extended query that fails")
            .client("P B D E S", 1, false)
            .server("1 2 n G", 0, false)
            .client("d d", 0, false)
            .server("E", 0, false)
            .client("d c S", 1, false)
            .server("ZI", 0, true)
            .client("B E S", 1, false)
            .server("2 G", 0, false)
            .client("f S", 1, false)
            .server("E ZI", 0, true)
            .end(),
        new Script("copy in by extended query, all sent ahead")
            .client("P B E d d c S", 1, false)
            .server("1 2 G", 1, false)
            .server("C ZI", 0, true)
            .end(),
        new Script("copy out")
            .client("Q", 1, false)
            .server("H d d d", 1, false)
            .server("d c C ZI", 0, true)
            .end(),
        new Script("copy both: replication")
            .client("Q", 1, false)
            .server("W d d", 1, false)
            .client("d d c", 1, false)
            .server("d c C C ZI", 0, true)
            .end(),
        new Script("function call")
            .client("F", 1, false)
            .server("V ZI", 0, true)
            .client("F", 1, false)
            .server("E ZI", 0, true)
            .end());
  }
}
