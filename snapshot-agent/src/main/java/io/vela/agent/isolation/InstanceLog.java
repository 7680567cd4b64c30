package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import io.vela.config.value.UntrustedText;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The outputs of one instance: they come through a named pipe in a folder of Vela's, which writes
 * them to a file of bounded size. The instance holds no file of Vela's, and finds the pipe open
 * when Vela is gone: what it writes then stays in the pipe, and what finds no place there is lost,
 * but nothing waits. Safe for several threads.
 */
final class InstanceLog implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(InstanceLog.class);

  /** The most that one file of the log may take; there are two. */
  static final long MOST_BYTES = 1 << 20;

  /** As much as a pipe holds by default (pipe(7)). */
  private static final int MOST_READS = 16;

  private static final int MOST_SHOWN = 500;
  private static final int EAGAIN = 11;
  private static final int NO_READER = 6; // ENXIO
  private static final long FIFO = 0x1000 | 0600; // S_IFIFO, rw-------
  private static final long BUFFER_BYTES = 64 << 10;

  // O_NONBLOCK | O_CLOEXEC, and O_RDWR for the instance: a pipe that it opens both ways never
  // breaks.
  private static final long READING = 0x800 | 0x80000;
  private static final long BOTH_WAYS = READING | 2;
  private static final long WRITING = READING | 1;

  private final SystemCalls calls = new SystemCalls();
  private final MemorySegment buffer = calls.allocate(BUFFER_BYTES);
  private final int descriptor;
  private Path pipe;
  private RunFiles run;
  private boolean ended;
  private boolean closed;

  private InstanceLog(Path pipe, RunFiles run) throws IOException {
    this.pipe = pipe;
    this.run = run;
    this.descriptor = open(READING);
  }

  /** Makes the pipe of an instance that starts. */
  static InstanceLog make(RunFiles run) throws IOException {
    Files.deleteIfExists(run.pipe());
    var calls = new SystemCalls();
    calls.call(
        Call.MKNODAT, SystemCalls.CURRENT_FOLDER, calls.address(run.pipe().toString()), FIFO);
    return new InstanceLog(run.pipe(), run);
  }

  /** Opens the pipe of an instance that runs. */
  static InstanceLog reopen(RunFiles run) throws IOException {
    // An instance of the same user as Vela's may have taken Vela's rights to it away.
    Files.setPosixFilePermissions(run.pipe(), PosixFilePermissions.fromString("rw-------"));
    return new InstanceLog(run.pipe(), run);
  }

  /** Whether anybody reads a pipe. */
  static boolean isRead(Path pipe) throws SystemCallException {
    try (var descriptors = new Descriptors()) {
      var calls = descriptors.calls();
      descriptors.keep(
          calls.call(
              Call.OPENAT, SystemCalls.CURRENT_FOLDER, calls.address(pipe.toString()), WRITING, 0));
      return true;
    } catch (SystemCallException e) {
      if (e.error() == NO_READER) {
        return false;
      }
      throw e;
    }
  }

  private int open(long flags) throws SystemCallException {
    return (int)
        calls.call(
            Call.OPENAT, SystemCalls.CURRENT_FOLDER, calls.address(pipe.toString()), flags, 0);
  }

  /** A descriptor for the instance to write to; whoever asked closes it. */
  synchronized int openForInstance() throws SystemCallException {
    return open(BOTH_WAYS);
  }

  int descriptor() {
    return descriptor;
  }

  /** Whether nothing will come any more. */
  synchronized boolean isEnded() {
    return ended || closed;
  }

  /** Gives the log to the instance that it turned out to be for, and begins its file anew. */
  synchronized void begin(RunFiles target) throws IOException {
    Files.move(pipe, target.pipe(), StandardCopyOption.ATOMIC_MOVE);
    pipe = target.pipe();
    run = target;
    if (Files.exists(run.log(), LinkOption.NOFOLLOW_LINKS)) {
      Files.move(run.log(), run.olderLog(), StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /**
   * Writes to the file what has come, to a bound: an instance that never stops writing must not
   * keep the reader of all logs.
   *
   * @return whether more may be left
   */
  synchronized boolean drain() throws IOException {
    if (closed) {
      return false;
    }
    long read = read();
    for (int turn = 1; read > 0; turn++) {
      append(buffer.asSlice(0, read).asByteBuffer());
      if (turn == MOST_READS) {
        return true;
      }
      read = read();
    }
    return false;
  }

  /** What has come and was not drained yet, to a bound and escaped, to be shown to a person. */
  synchronized String said() throws IOException {
    long read = closed ? 0 : read();
    var bytes = buffer.asSlice(0, Math.clamp(read, 0, MOST_SHOWN)).toArray(ValueLayout.JAVA_BYTE);
    return new UntrustedText(new String(bytes, StandardCharsets.UTF_8).strip()).line();
  }

  private long read() throws SystemCallException {
    try {
      long read = calls.call(Call.READ, descriptor, buffer.address(), BUFFER_BYTES);
      ended = read == 0;
      return read;
    } catch (SystemCallException e) {
      if (e.error() == EAGAIN) {
        return 0;
      }
      throw e;
    }
  }

  private void append(ByteBuffer bytes) throws IOException {
    try (var file =
        FileChannel.open(
            run.log(),
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.APPEND, LinkOption.NOFOLLOW_LINKS),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
      if (file.size() < MOST_BYTES) {
        return;
      }
    }
    Files.move(run.log(), run.olderLog(), StandardCopyOption.REPLACE_EXISTING);
  }

  /** Writes what is left and removes the pipe. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    try {
      var _ = drain();
      Files.deleteIfExists(pipe);
    } catch (IOException e) {
      log.warn("log of an instance not complete log={}", run.log(), e);
    } finally {
      closed = true;
      closeDescriptor();
    }
  }

  private void closeDescriptor() {
    try {
      calls.closeDescriptor(descriptor);
    } catch (SystemCallException e) {
      log.warn("pipe of a log not closed log={}", run.log(), e);
    }
  }
}
