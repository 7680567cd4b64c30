package io.vela.cli.up;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.cli.CliException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * The one Vela that may work on a data directory: a lock on {@code vela.lock}, which the system
 * takes back when the process ends, however it ends. The file holds the process's id, for people.
 */
final class DataLock implements AutoCloseable {
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rw-------");

  private final FileChannel channel;
  private final FileLock lock;

  private DataLock(FileChannel channel, FileLock lock) {
    this.channel = channel;
    this.lock = lock;
  }

  /**
   * @throws CliException when another Vela has it
   */
  static DataLock take(Path data) throws CliException, IOException {
    var file = data.resolve("vela.lock");
    var channel =
        FileChannel.open(
            file,
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    try {
      // An earlier Vela left it open to others, who could have locked it.
      Files.setPosixFilePermissions(file, OWNER_ONLY);
      var lock = channel.tryLock();
      if (lock != null) {
        channel.truncate(0);
        channel.write(ByteBuffer.wrap((ProcessHandle.current().pid() + "\n").getBytes(UTF_8)));
        return new DataLock(channel, lock);
      }
    } catch (OverlappingFileLockException e) {
      channel.close();
      throw taken(data, file, e);
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    channel.close();
    throw taken(data, file, null);
  }

  private static CliException taken(
      Path data, Path file, @org.jspecify.annotations.Nullable Exception cause) throws IOException {
    var message =
        "another Vela (process %s) runs with the data directory %s"
            .formatted(Files.readString(file).strip(), data);
    var hint = "Stop it first, or name another directory with --data.";
    return cause == null ? new CliException(message, hint) : new CliException(message, hint, cause);
  }

  @Override
  public void close() throws IOException {
    lock.release();
    channel.close();
  }
}
