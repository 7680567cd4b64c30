package io.vela.agent.isolation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;

/**
 * What Vela keeps of a running instance in a folder of its own, so that a later Vela finds it
 * again, and so that no second one is started on the same data: Postgres's own interlock by shared
 * memory does not reach across IPC namespaces.
 *
 * @param pid the process with which all of the instance ends
 * @param started when that process started, in the kernel's ticks since boot (proc(5), {@code
 *     stat}, field 22): another process that got the same id has another
 * @param userSlot which of the user ids for branches it has; negative when none
 */
record InstanceRecord(long pid, long started, int userSlot) {
  private static final int LONGEST = 200;

  /** Of a process that runs. */
  static InstanceRecord of(long pid, int userSlot) throws IOException {
    return new InstanceRecord(
        pid,
        ProcessStatus.started(pid).orElseThrow(() -> new IOException("it has ended")),
        userSlot);
  }

  /** Whether the process that is meant still runs. */
  boolean isRunning() {
    return ProcessStatus.started(pid).filter(ticks -> ticks == started).isPresent();
  }

  void write(Path file) throws IOException {
    var unfinished = file.resolveSibling(file.getFileName() + ".new");
    Files.deleteIfExists(unfinished);
    Files.createFile(
        unfinished,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(
        unfinished, "%d %d %d%n".formatted(pid, started, userSlot), StandardOpenOption.WRITE);
    Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
  }

  static Optional<InstanceRecord> read(Path file) throws IOException {
    try (var channel = Files.newByteChannel(file, Set.of(StandardOpenOption.READ))) {
      var bytes = ByteBuffer.allocate(LONGEST);
      channel.read(bytes);
      var words =
          new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII)
              .strip()
              .split(" ", -1);
      return Optional.of(
          new InstanceRecord(
              Long.parseLong(words[0]), Long.parseLong(words[1]), Integer.parseInt(words[2])));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      throw new IOException(file + " is damaged", e);
    }
  }
}
