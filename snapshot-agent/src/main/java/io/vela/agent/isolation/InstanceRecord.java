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
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
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
 * @param boot the boot of the host that it was written in (proc(5), "boot_id"): after a power cut
 *     the same process id and time may be another process's
 */
record InstanceRecord(long pid, long started, int userSlot, String boot) {
  private static final String ENDING = ".instance";
  private static final Path BOOT = Path.of("/proc/sys/kernel/random/boot_id");
  private static final int LONGEST = 200;

  /** Of a process that runs. */
  static InstanceRecord of(long pid, int userSlot) throws IOException {
    return new InstanceRecord(
        pid,
        ProcessStatus.started(pid).orElseThrow(() -> new IOException("it has ended")),
        userSlot,
        thisBoot());
  }

  private static String thisBoot() throws IOException {
    return Files.readString(BOOT).strip();
  }

  /** All in a folder of Vela's, of instances that run. */
  static Map<RunFiles, InstanceRecord> running(Path folder) throws IOException {
    var found = new HashMap<RunFiles, InstanceRecord>();
    try (var files = Files.newDirectoryStream(folder, "*" + ENDING)) {
      for (var file : files) {
        var name = String.valueOf(file.getFileName());
        var run =
            new RunFiles(file.resolveSibling(name.substring(0, name.length() - ENDING.length())));
        read(file).filter(InstanceRecord::isRunning).ifPresent(record -> found.put(run, record));
      }
    }
    return found;
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
        unfinished,
        "%d %d %d %s%n".formatted(pid, started, userSlot, boot),
        StandardOpenOption.WRITE);
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
      var now = thisBoot();
      var record =
          new InstanceRecord(
              Long.parseLong(words[0]),
              Long.parseLong(words[1]),
              Integer.parseInt(words[2]),
              // Earlier versions of Vela wrote none.
              words.length > 3 ? words[3] : now);
      return Optional.of(record).filter(it -> it.boot().equals(now));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      if (isOfAnEarlierBoot(file)) {
        // It was not on the disk yet when the power failed, and nothing runs since then.
        return Optional.empty();
      }
      throw new IOException(file + " is damaged", e);
    }
  }

  private static boolean isOfAnEarlierBoot(Path file) throws IOException {
    var up = Duration.ofMillis((long) (Double.parseDouble(uptime()) * 1000));
    return Files.getLastModifiedTime(file).toInstant().isBefore(Instant.now().minus(up));
  }

  private static String uptime() throws IOException {
    return Files.readString(Path.of("/proc/uptime")).split(" ", -1)[0];
  }
}
