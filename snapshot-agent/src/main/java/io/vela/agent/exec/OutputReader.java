package io.vela.agent.exec;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;

/** Reads one output of a process to its end: keeps the tail and passes on the lines. */
final class OutputReader implements Runnable {
  /** What is passed on. */
  sealed interface Event {}

  /** A line that is not empty, without its end. */
  record Line(String text) implements Event {}

  /** The output has ended. */
  record End() implements Event {}

  private static final int LONGEST_LINE = 16 * 1024;

  private final InputStream input;
  private final BlockingQueue<Event> events;
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();
  private final byte[] ring = new byte[Result.KEPT_BYTES];
  private long written;

  OutputReader(InputStream input, BlockingQueue<Event> events) {
    this.input = input;
    this.events = events;
  }

  @Override
  public void run() {
    var buffer = new byte[8192];
    try {
      try {
        for (int read = input.read(buffer); read >= 0; read = input.read(buffer)) {
          keep(buffer, read);
          split(buffer, read);
        }
      } catch (IOException e) {
        // The pipe of a killed process: its output ends here.
      }
      passOn();
      events.put(new End());
    } catch (InterruptedException e) {
      // The run is over and nobody takes lines any more.
      Thread.currentThread().interrupt();
    }
  }

  private synchronized void keep(byte[] buffer, int length) {
    for (int i = 0; i < length; i++) {
      ring[(int) (written++ % ring.length)] = buffer[i];
    }
  }

  /** What is kept so far. Any thread. */
  synchronized String kept() {
    if (written <= ring.length) {
      return new String(ring, 0, (int) written, StandardCharsets.UTF_8);
    }
    int start = (int) (written % ring.length);
    var whole = new byte[ring.length];
    System.arraycopy(ring, start, whole, 0, ring.length - start);
    System.arraycopy(ring, 0, whole, ring.length - start, start);
    return new String(whole, StandardCharsets.UTF_8);
  }

  private void split(byte[] buffer, int length) throws InterruptedException {
    for (int i = 0; i < length; i++) {
      if (buffer[i] == '\n' || buffer[i] == '\r') {
        passOn();
      } else if (line.size() < LONGEST_LINE) {
        line.write(buffer[i]);
      }
    }
  }

  private void passOn() throws InterruptedException {
    if (line.size() > 0) {
      events.put(new Line(line.toString(StandardCharsets.UTF_8)));
      line.reset();
    }
  }
}
