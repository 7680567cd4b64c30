package io.vela.agent.isolation;

import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;

/**
 * User ids for running branches. On disk all volumes have one owner; each branch sees its own
 * through a mount that maps that owner to the branch's id (Linux documentation,
 * "filesystems/idmappings.rst"), which costs nothing a file, where changing the owner of 32,000
 * files takes 400 ms. An id is free again when its branch has ended with all of its processes.
 *
 * <p>The kernel takes the mapping from a user namespace. One is made for each id when it is first
 * needed, and kept. Safe for several threads.
 */
final class BranchUsers implements AutoCloseable {
  /**
   * Between the ids of containers, which end at 0x6FFFFFFF, and those that are negative as signed
   * numbers (systemd documentation, "Users, Groups, UIDs and GIDs on systemd Systems").
   */
  private static final long FIRST = 0x7000_0000L;

  private static final long START_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long POLL_NANOS = 200_000;

  private final ServiceUser owner;
  private final Path unshare;
  private final Path cat;
  private final boolean mapped;
  private final Descriptors descriptors = new Descriptors();
  private final Map<Integer, Integer> namespaces = new HashMap<>();
  private final TreeSet<Integer> free = new TreeSet<>();
  private int next;
  private boolean closed;

  /**
   * @param id the user's number, and its group's
   * @param slot its place among these users; negative when branches share the owner's id
   * @param namespace the descriptor of the namespace with the mapping; negative without one
   */
  record User(long id, int slot, int namespace) {}

  /**
   * @param owner who owns volumes on disk
   * @param mapped whether each branch gets an id of its own
   */
  BranchUsers(ServiceUser owner, Path unshare, Path cat, boolean mapped) {
    this.owner = owner;
    this.unshare = unshare;
    this.cat = cat;
    this.mapped = mapped;
  }

  /** Whether each branch gets an id of its own. */
  boolean areMapped() {
    return mapped;
  }

  /** An id that no running branch has. */
  synchronized User take() throws IOException {
    if (closed) {
      throw new IOException("no instance is started any more");
    }
    if (!mapped) {
      return new User(owner.uid(), -1, -1);
    }
    int slot = free.isEmpty() ? next++ : free.removeFirst();
    try {
      return new User(FIRST + slot, slot, namespace(slot));
    } catch (IOException e) {
      free.add(slot);
      throw e;
    }
  }

  /**
   * Takes note of the id of a branch that an earlier Vela started and that still runs. To be done
   * before the first id is taken.
   */
  synchronized void occupy(int slot) {
    for (; next <= slot; next++) {
      free.add(next);
    }
    free.remove(slot);
  }

  /** Gives an id back, whose processes have all ended. */
  synchronized void release(int slot) {
    if (slot >= 0) {
      free.add(slot);
    }
  }

  private int namespace(int slot) throws IOException {
    var known = namespaces.get(slot);
    if (known == null) {
      known = makeNamespace(FIRST + slot);
      namespaces.put(slot, known);
    }
    return known;
  }

  /** A process with a user namespace is needed only until the namespace is held by a descriptor. */
  private int makeNamespace(long id) throws IOException {
    try (var own = new Descriptors()) {
      var input = own.pipe();
      var output = own.pipe();
      var spawn =
          new Spawn(
              List.of(unshare.toString(), "--user", cat.toString()),
              Environment.OF_INSTANCES,
              input[0],
              output[1]);
      var holder = new ChildProcess(spawn.start());
      own.close(input[0]);
      var process = Path.of("/proc", String.valueOf(holder.pid()));
      awaitNamespace(process, holder);
      Files.writeString(process.resolve("uid_map"), "%d %d 1%n".formatted(owner.uid(), id));
      Files.writeString(process.resolve("gid_map"), "%d %d 1%n".formatted(owner.gid(), id));
      int namespace = own.open(process.resolve("ns/user"));
      own.close(input[1]);
      awaitEnd(holder);
      return descriptors.keep(own.release(namespace));
    }
  }

  private static void awaitNamespace(Path process, ChildProcess holder) throws IOException {
    var host = Files.readSymbolicLink(Path.of("/proc/self/ns/user"));
    for (long begin = System.nanoTime(); ; LockSupport.parkNanos(POLL_NANOS)) {
      if (holder.exit().isDone()) {
        throw new IOException("no user namespace can be made on this host");
      }
      if (!Files.readSymbolicLink(process.resolve("ns/user")).equals(host)) {
        return;
      }
      if (System.nanoTime() - begin > START_NANOS) {
        throw new IOException("a user namespace was not made in time");
      }
    }
  }

  private static void awaitEnd(ChildProcess holder) throws IOException {
    try {
      holder.exit().get(START_NANOS, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("the process of a user namespace did not end", e);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    descriptors.close();
  }
}
