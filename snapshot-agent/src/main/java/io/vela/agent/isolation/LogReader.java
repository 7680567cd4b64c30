package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One thread that reads the logs of all running instances. */
final class LogReader implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(LogReader.class);

  /** How long a log that is new may wait for its first look. */
  private static final long LOOK_NANOS = 250_000_000;

  private static final int POLL_BYTES = 8; // struct pollfd: int fd, short events, short revents
  private static final short READABLE = 1; // POLLIN
  private static final long RESULTS_AT = 6;

  /**
   * Those that had more to say than is read at once, until when they are left alone: what finds no
   * place in the pipe meanwhile is lost. Used by the reading thread alone.
   */
  private final Map<InstanceLog, Long> resting = new WeakHashMap<>();

  private final Set<InstanceLog> logs = new LinkedHashSet<>();
  private boolean started;
  private boolean closed;

  /** Reads a log from here on. */
  synchronized void add(InstanceLog added) {
    logs.add(added);
    if (!started) {
      started = true;
      Thread.ofPlatform().daemon().name("instance-logs").start(this::read);
    }
    notifyAll();
  }

  /** Reads a log a last time and ends it. */
  void end(InstanceLog ended) {
    synchronized (this) {
      logs.remove(ended);
    }
    ended.close();
  }

  private void read() {
    var calls = new SystemCalls();
    try {
      var timeout = calls.allocate(2L * Long.BYTES);
      int room = 0;
      var polls = calls.allocate(POLL_BYTES);
      for (var open = open(); !open.isEmpty(); open = open()) {
        if (open.size() > room) {
          room = open.size() * 2;
          polls = calls.allocate((long) room * POLL_BYTES);
        }
        for (int i = 0; i < open.size(); i++) {
          long at = (long) i * POLL_BYTES;
          polls.set(
              ValueLayout.JAVA_INT, at, isReadable(open.get(i)) ? open.get(i).descriptor() : -1);
          polls.set(ValueLayout.JAVA_SHORT, at + 4, READABLE);
        }
        // The kernel writes what is left of the time into it, which the C library would hide.
        timeout.set(ValueLayout.JAVA_LONG, 0, 0);
        timeout.set(ValueLayout.JAVA_LONG, Long.BYTES, LOOK_NANOS);
        calls.call(Call.PPOLL, polls.address(), open.size(), timeout.address());
        for (int i = 0; i < open.size(); i++) {
          if (polls.get(ValueLayout.JAVA_SHORT, (long) i * POLL_BYTES + RESULTS_AT) != 0) {
            drain(open.get(i));
          }
        }
      }
    } catch (SystemCallException e) {
      log.error("logs of instances are not read any more", e);
    }
  }

  /** Those to read; waits while there are none. Empty when the reader has been closed. */
  private synchronized List<InstanceLog> open() {
    try {
      while (logs.isEmpty() && !closed) {
        wait();
      }
    } catch (InterruptedException e) {
      closed = true;
    }
    return closed ? List.of() : new ArrayList<>(logs);
  }

  private boolean isReadable(InstanceLog one) {
    var until = resting.get(one);
    return !one.isEnded() && (until == null || System.nanoTime() - until > 0);
  }

  private void drain(InstanceLog ready) {
    resting.remove(ready);
    try {
      if (ready.drain()) {
        resting.put(ready, System.nanoTime() + LOOK_NANOS);
      }
    } catch (IOException | RuntimeException e) {
      // The disk may be full: what comes meanwhile waits in the pipe or is lost.
      resting.put(ready, System.nanoTime() + LOOK_NANOS);
      log.warn("log of an instance not written", e);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    notifyAll();
  }
}
