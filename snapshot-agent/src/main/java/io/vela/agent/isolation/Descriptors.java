package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Open descriptors that are closed together, unless they are taken out. One thread at a time. */
final class Descriptors implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Descriptors.class);

  static final long CLOSE_ON_EXEC = 0x80000;
  private static final long WRITE_ONLY = 1;

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
  int devNullInput() throws SystemCallException {
    return open(Path.of("/dev/null"));
  }

  /** {@code /dev/null}, to write. */
  int devNullOutput() throws SystemCallException {
    return keep(
        calls.call(
            Call.OPENAT,
            SystemCalls.CURRENT_FOLDER,
            calls.address("/dev/null"),
            CLOSE_ON_EXEC | WRITE_ONLY));
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

  /** Writes a whole text. */
  void write(int descriptor, String text) throws SystemCallException {
    var bytes = text.getBytes(StandardCharsets.UTF_8);
    var memory = calls.allocate(bytes.length);
    MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
    for (long written = 0; written < bytes.length; ) {
      written +=
          calls.call(Call.WRITE, descriptor, memory.address() + written, bytes.length - written);
    }
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
