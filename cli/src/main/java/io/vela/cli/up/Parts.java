package io.vela.cli.up;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What has been started: ended in the reverse order, each even when another fails to end. Any
 * thread may add to it.
 */
final class Parts implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Parts.class);

  private final Deque<Part> started = new ArrayDeque<>();

  private record Part(String name, AutoCloseable end) {}

  synchronized void add(String name, AutoCloseable end) {
    started.push(new Part(name, end));
  }

  @Override
  public synchronized void close() {
    while (!started.isEmpty()) {
      var part = started.pop();
      try {
        part.end().close();
        log.debug("part ended name={}", part.name());
      } catch (Exception e) {
        log.error("part did not end name={}", part.name(), e);
      }
    }
  }
}
