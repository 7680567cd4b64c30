package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Open descriptors that are closed together, unless they are taken out. One thread at a time. */
final class Descriptors implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Descriptors.class);

  static final long CLOSE_ON_EXEC = 0x80000;

  private final SystemCalls calls = new SystemCalls();
  private final Deque<Integer> open = new ArrayDeque<>();

  /** The calls that descriptors are opened by. */
  SystemCalls calls() {
    return calls;
  }

  /** Takes care of a descriptor. */
  int keep(long descriptor) {
    open.push((int) descriptor);
    return (int) descriptor;
  }

  /** {@code /dev/null}, to read. */
  int nothing() throws SystemCallException {
    return open(Path.of("/dev/null"));
  }

  /** Opens a file to read. */
  int open(Path file) throws SystemCallException {
    return keep(
        calls.call(
            Call.OPENAT,
            SystemCalls.CURRENT_FOLDER,
            calls.address(file.toString()),
            CLOSE_ON_EXEC));
  }

  /** A pipe: where it is read, where it is written. */
  int[] pipe() throws SystemCallException {
    var ends = calls.allocate(2L * Integer.BYTES);
    calls.call(Call.PIPE2, ends.address(), CLOSE_ON_EXEC);
    return new int[] {
      keep(ends.get(ValueLayout.JAVA_INT, 0)), keep(ends.get(ValueLayout.JAVA_INT, Integer.BYTES))
    };
  }

  /** Leaves a descriptor to somebody else. */
  int release(int descriptor) {
    open.remove(descriptor);
    return descriptor;
  }

  /** Closes one now. */
  void close(int descriptor) {
    if (open.remove(descriptor)) {
      closeOne(descriptor);
    }
  }

  private void closeOne(int descriptor) {
    try {
      calls.closeDescriptor(descriptor);
    } catch (SystemCallException e) {
      log.warn("descriptor not closed", e);
    }
  }

  @Override
  public void close() {
    while (!open.isEmpty()) {
      closeOne(open.pop());
    }
  }
}
