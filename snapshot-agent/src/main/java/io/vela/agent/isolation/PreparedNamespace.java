package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * Namespaces with a first process in them that waits for what it is to run, made ahead of the start
 * that will need them.
 *
 * <pre>
 *   thread:   unshare ─► tree ─► filter ─► first process ─► waits ─► attaches the branch's folders ─► ends
 *   process:                               /proc, user, no privileges ─► sh, which reads a script ──► runs it
 * </pre>
 *
 * <p>The first process is a shell because Postgres must not be one: the first process of a PID
 * namespace inherits orphans, and a postmaster takes the unhappy end of an unknown child for a
 * crash of one of its own. When it ends, the kernel ends all others of the namespace.
 *
 * <p>Namespaces are a thread's and not a process's, so a thread of Vela makes them for its child.
 * Behind its new root it finds no class any more: what it does there uses only what was loaded
 * before.
 */
final class PreparedNamespace implements AutoCloseable {
  private static final long MOUNT = 0x00020000; // CLONE_NEWNS
  private static final long OTHERS = 0x04000000 | 0x08000000 | 0x20000000; // UTS, IPC, PID
  private static final long NETWORK = 0x40000000; // CLONE_NEWNET
  private static final int EXISTS = 17; // EEXIST

  private final BranchUsers.User user;
  private final InstanceLog log;
  private final CompletableFuture<Long> started = new CompletableFuture<>();
  private final CompletableFuture<Attachments> orders = new CompletableFuture<>();
  private final CompletableFuture<Boolean> attached = new CompletableFuture<>();
  private final Descriptors descriptors = new Descriptors();
  private final int script;
  private final ChildProcess child;

  /** What is attached where, ready for the kernel. */
  private static final class Attachments {
    private final long[] folders;
    private final int[] trees;
    private final long[] targets;

    /**
     * @param folders addresses of the paths of folders to make, outer ones first
     * @param trees descriptors
     * @param targets addresses of their paths, then of an empty text
     */
    Attachments(long[] folders, int[] trees, long[] targets) {
      this.folders = folders;
      this.trees = trees;
      this.targets = targets;
    }
  }

  /** What to show where: a tree's descriptor, and its place in the namespace's tree. */
  record Shown(int tree, Path target) {}

  /**
   * @param log what the instance's outputs go to
   * @param network whether it shares the host's network
   */
  PreparedNamespace(
      NamespaceRoot root,
      Programs programs,
      BranchUsers.User user,
      InstanceLog log,
      boolean network)
      throws IOException {
    this.user = user;
    this.log = log;
    try {
      var ends = descriptors.pipe();
      script = ends[1];
      int output = descriptors.keep(log.openForInstance());
      var spawn =
          new Spawn(programs.firstProcess(user.id()), Environment.OF_INSTANCES, ends[0], output);
      Thread.ofPlatform()
          .daemon()
          .name("namespace-" + user.id())
          .start(() -> live(root, spawn, network));
      child = new ChildProcess(result(started));
      descriptors.close(ends[0]);
      descriptors.close(output);
    } catch (IOException e) {
      descriptors.close();
      throw e;
    }
  }

  /**
   * The host's programs that make a first process.
   *
   * @param shell {@code sh}
   * @param mount {@code mount}
   * @param setpriv {@code setpriv}
   */
  record Programs(Path shell, Path mount, Path setpriv) {
    /** Numbers, not names: looking names up takes two milliseconds. */
    List<String> firstProcess(long user) {
      var script =
          "%s -n -t proc -o nosuid,nodev,noexec proc /proc && exec %s --reuid=%d --regid=%d --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- %s -s"
              .formatted(mount, setpriv, user, user, shell);
      return List.of(shell.toString(), "-c", script);
    }
  }

  private void live(NamespaceRoot root, Spawn spawn, boolean hostNetwork) {
    try (var own = new Descriptors()) {
      var calls = own.calls();
      try {
        calls.call(Call.UNSHARE, MOUNT | OTHERS | (hostNetwork ? 0 : NETWORK));
        var filter = new SystemCallFilter(calls);
        root.enter(own, user.id(), hostNetwork);
        filter.enforce();
        started.complete(spawn.start());
      } catch (IOException | RuntimeException e) {
        started.completeExceptionally(e);
        return;
      }
      try {
        attach(calls, orders.get());
        attached.complete(true);
      } catch (CancellationException | InterruptedException e) {
        attached.complete(false);
      } catch (ExecutionException | IOException | RuntimeException e) {
        attached.completeExceptionally(e);
      }
    }
  }

  private static void attach(SystemCalls calls, Attachments attachments)
      throws SystemCallException {
    for (long folder : attachments.folders) {
      try {
        calls.call(Call.MKDIRAT, SystemCalls.CURRENT_FOLDER, folder, 0755);
      } catch (SystemCallException e) {
        if (e.error() != EXISTS) {
          throw e;
        }
      }
    }
    long empty = attachments.targets[attachments.trees.length];
    for (int i = 0; i < attachments.trees.length; i++) {
      MountTree.attach(calls, attachments.trees[i], empty, attachments.targets[i]);
    }
  }

  /** The user that its processes run as. */
  BranchUsers.User user() {
    return user;
  }

  InstanceLog log() {
    return log;
  }

  /** The first process. */
  ChildProcess child() {
    return child;
  }

  /** Shows folders to the first process. Blocks for a moment. */
  void show(List<Shown> shown) throws IOException {
    var arena = Arena.ofAuto();
    var folders = new ArrayList<MemorySegment>();
    for (var one : shown) {
      for (var parent = one.target().getRoot(); !parent.equals(one.target()); ) {
        parent = parent.resolve(one.target().getName(parent.getNameCount()));
        folders.add(arena.allocateFrom(parent.toString()));
      }
    }
    var targets = new ArrayList<MemorySegment>();
    shown.forEach(one -> targets.add(arena.allocateFrom(one.target().toString())));
    targets.add(arena.allocateFrom(""));
    orders.complete(
        new Attachments(
            folders.stream().mapToLong(MemorySegment::address).toArray(),
            shown.stream().mapToInt(Shown::tree).toArray(),
            targets.stream().mapToLong(MemorySegment::address).toArray()));
    try {
      result(attached);
    } finally {
      // The thread that attaches has addresses only.
      Reference.reachabilityFence(arena);
    }
  }

  /** Runs a script of the shell's in it; it ends with the script. */
  void run(String text) throws SystemCallException {
    var calls = descriptors.calls();
    var bytes = text.getBytes(StandardCharsets.UTF_8);
    var memory = calls.allocate(bytes.length);
    MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
    for (long written = 0; written < bytes.length; ) {
      written += calls.call(Call.WRITE, script, memory.address() + written, bytes.length - written);
    }
    descriptors.close();
  }

  private static <T> T result(CompletableFuture<T> future) throws IOException {
    try {
      return future.get();
    } catch (ExecutionException e) {
      throw new IOException("namespaces could not be made: " + e.getCause(), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while namespaces were made", e);
    }
  }

  /** Gives it up unused: its first process finds nothing to run and ends. */
  @Override
  public void close() {
    orders.cancel(false);
    descriptors.close();
    log.close();
  }
}
