package io.vela.agent.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.PoolOwnership;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The one Vela that may work on a pool. {@code pool.lock} in the pool's root is locked while it
 * runs; the system takes the lock back when the process ends, however it ends. {@code pool.id}
 * holds what outlives the process: the pool's id, and the epoch that the catalogue has too.
 *
 * <p>The lock is in the pool and not beside it, so that all who reach the pool by whatever path or
 * mount meet the same one. Both files are readable by their owner only.
 */
final class PoolOwner implements AutoCloseable {
  private static final Path HOST_NAME = Path.of("/proc/sys/kernel/hostname");

  private final Path root;
  private final Holder holder;
  private @Nullable FileChannel channel;
  private @Nullable FileLock lock;

  /**
   * Who holds a pool.
   *
   * @param process its id
   * @param data its data directory
   * @param host the host's name
   */
  record Holder(long process, Path data, String host) {
    static Holder here(Path data) throws IOException {
      return new Holder(
          ProcessHandle.current().pid(), data, Files.readString(HOST_NAME, UTF_8).strip());
    }

    @Override
    public String toString() {
      return "process %d with the data directory %s on the host %s".formatted(process, data, host);
    }
  }

  private PoolOwner(Path root, Holder holder) {
    this.root = root;
    this.holder = holder;
  }

  /**
   * Takes the pool, and gives it an id if it has none.
   *
   * @throws CloneException when another Vela has it; the message names that one
   */
  static PoolOwner take(Path root, Path data) throws CloneException {
    try {
      var owner = new PoolOwner(root, Holder.here(data));
      owner.lock();
      if (!Files.exists(owner.idFile())) {
        owner.write(new PoolOwnership(UUID.randomUUID().toString(), 0, ""));
      }
      return owner;
    } catch (IOException e) {
      throw failed("the pool at %s cannot be taken: %s".formatted(root, e), e);
    }
  }

  /** Takes the lock again after {@link #close}. */
  void lock() throws CloneException, IOException {
    var file = root.resolve("pool.lock");
    var opened =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
      var taken = opened.tryLock();
      if (taken != null) {
        opened.truncate(0);
        opened.write(ByteBuffer.wrap((holder + "\n").getBytes(UTF_8)));
        channel = opened;
        lock = taken;
        return;
      }
    } catch (OverlappingFileLockException e) {
      opened.close();
      throw held(file, e);
    } catch (IOException e) {
      opened.close();
      throw e;
    }
    opened.close();
    throw held(file, new IOException(file + " is locked"));
  }

  private CloneException held(Path file, Exception cause) throws IOException {
    var other = Files.readString(file, UTF_8).strip();
    return new CloneException(
        new StorageFailed(
            "another Vela works on the pool at %s: %s".formatted(root, other),
            "Stop it first, or name another folder in pool.path."),
        cause);
  }

  /** Whose the pool is. */
  PoolOwnership read() throws CloneException {
    try {
      var values = new HashMap<String, String>();
      for (var line : Files.readAllLines(idFile(), UTF_8)) {
        int equals = line.indexOf('=');
        if (equals > 0) {
          values.put(line.substring(0, equals), line.substring(equals + 1));
        }
      }
      return new PoolOwnership(
          UUID.fromString(wanted(values, "pool")).toString(),
          Long.parseLong(wanted(values, "epoch")),
          wanted(values, "owner"));
    } catch (IOException | IllegalArgumentException e) {
      throw failed(
          "%s, which says whose the pool is, cannot be read: %s".formatted(idFile(), e), e);
    }
  }

  private static String wanted(Map<String, String> values, String key) throws IOException {
    var value = values.get(key);
    if (value == null) {
      throw new IOException(key + " is missing");
    }
    return value;
  }

  /** Writes down that the pool has come to this epoch, and by whom. */
  void own(long epoch) throws CloneException {
    try {
      write(new PoolOwnership(read().pool(), epoch, holder.toString()));
    } catch (IOException e) {
      throw failed("%s cannot be written: %s".formatted(idFile(), e), e);
    }
  }

  private void write(PoolOwnership ownership) throws IOException {
    var text =
        "pool=%s\nepoch=%d\nowner=%s\n"
            .formatted(ownership.pool(), ownership.epoch(), ownership.owner());
    var unfinished = root.resolve("pool.id.new");
    Files.deleteIfExists(unfinished);
    Files.createFile(
        unfinished,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try (var file = FileChannel.open(unfinished, StandardOpenOption.WRITE)) {
      file.write(ByteBuffer.wrap(text.getBytes(UTF_8)));
      file.force(true);
    }
    Files.move(unfinished, idFile(), StandardCopyOption.ATOMIC_MOVE);
  }

  private Path idFile() {
    return root.resolve("pool.id");
  }

  /** Lets go of the lock. Idempotent. */
  @Override
  public void close() throws CloneException {
    try {
      if (lock != null && channel != null) {
        lock.release();
        channel.close();
      }
      lock = null;
      channel = null;
    } catch (IOException e) {
      throw failed("the lock of the pool at %s cannot be given back: %s".formatted(root, e), e);
    }
  }

  private static CloneException failed(String message, Exception cause) {
    return new CloneException(new StorageFailed(message, ""), cause);
  }
}
