package io.vela.agent.storage;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.CloneId;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * Measures whether a driver's clones share blocks with their snapshot: a file of random bytes is
 * cloned, and the file system's used space before and after are compared.
 */
final class SharingCheck {
  /** Size of the file: well above what a clone's metadata takes. */
  static final int FILE_BYTES = 8 << 20;

  /** Free space below which nothing is measured. */
  static final long NEEDED_BYTES = 10L * FILE_BYTES;

  /**
   * Others write and delete at the same time, so one measurement proves nothing: this many must
   * agree that a clone took no space, or one more that it took some.
   */
  private static final int AGREEING = 2;

  private final StorageDriver driver;
  private final Path staging;

  /**
   * @param staging folder of the pool's half-made volumes
   */
  SharingCheck(StorageDriver driver, Path staging) {
    this.driver = driver;
    this.staging = staging;
  }

  boolean clonesShare() throws CloneException {
    var made = new ArrayList<Path>();
    try {
      boolean share = measure("check-" + CloneId.random(), made);
      destroy(made);
      return share;
    } catch (CloneException e) {
      StorageCommand.cleanUp(e, () -> destroy(made));
      throw e;
    }
  }

  private boolean measure(String name, List<Path> made) throws CloneException {
    var volume = made(made, name);
    driver.create(volume);
    writeRandom(volume.resolve("random"));
    var snapshot = made(made, name + "-snapshot");
    driver.snapshot(volume, snapshot);
    int shared = 0;
    int copied = 0;
    // Nothing is deleted between the measurements: freed space would hide a copy.
    while (shared < AGREEING && copied <= AGREEING) {
      long before = usedBytes();
      driver.clone(snapshot, made(made, name + "-" + (shared + copied)));
      if (usedBytes() - before < FILE_BYTES / 2) {
        shared++;
      } else {
        copied++;
      }
    }
    return shared >= AGREEING;
  }

  private void destroy(List<Path> made) throws CloneException {
    for (var volume : made.reversed()) {
      driver.destroy(volume);
    }
  }

  private Path made(List<Path> made, String name) {
    var volume = staging.resolve(name);
    made.add(volume);
    return volume;
  }

  private long usedBytes() throws CloneException {
    StorageCommand.run("sync", "--file-system", staging.toString());
    var folder = staging.toFile();
    return folder.getTotalSpace() - folder.getFreeSpace();
  }

  private static void writeRandom(Path file) throws CloneException {
    var bytes = new byte[FILE_BYTES];
    RandomGenerator.getDefault().nextBytes(bytes);
    try (var channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      var buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
      channel.force(true);
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("%s could not be written: %s".formatted(file, e), ""), e);
    }
  }
}
