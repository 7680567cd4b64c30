package io.vela.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Clients that are connected and say nothing. */
final class IdleClients implements AutoCloseable {
  private final List<FirstRow.Held> held = new ArrayList<>();

  /** Connects so many more, one after the other. */
  void connect(FirstRow client, int count) throws IOException {
    for (int i = 0; i < count; i++) {
      held.add(client.hold());
    }
  }

  int count() {
    return held.size();
  }

  @Override
  public void close() throws IOException {
    for (var one : held) {
      one.close();
    }
  }
}
