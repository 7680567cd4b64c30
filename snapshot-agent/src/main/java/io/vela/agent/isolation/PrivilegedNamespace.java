package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * Namespaces that root has made.
 *
 * <pre>
 *   thread:   unshare ─► tree ─► filter ─► first process ─► waits ─► attaches the branch's folders ─► ends
 *   process:                               /proc, user, no privileges ─► sh, which reads a script ──► runs it
 * </pre>
 *
 * <p>Namespaces are a thread's and not a process's, so a thread of Vela makes them for its child.
 * Behind its new root it finds no class any more: what it does there uses only what was loaded
 * before.
 */
final class PrivilegedNamespace implements PreparedNamespace {
  private static final long MOUNT = 0x00020000; // CLONE_NEWNS
  private static final long OTHERS = 0x04000000 | 0x08000000 | 0x20000000; // UTS, IPC, PID
  private static final long NETWORK = 0x40000000; // CLONE_NEWNET
  private static final int EXISTS = 17; // EEXIST
  private static final String NOT_MADE = "namespaces could not be made";

  private static final long STORAGE =
      MountTree.NO_SET_ID | MountTree.NO_DEVICES | MountTree.NO_PROGRAMS;

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

  /**
   * @param log what the instance's outputs go to
   * @param network whether it shares the host's network
   */
  PrivilegedNamespace(
      NamespaceRoot root,
      PrivilegedNamespaces.Programs programs,
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
      child = new ChildProcess(ThreadResult.of(started, NOT_MADE));
      descriptors.close(ends[0]);
      descriptors.close(output);
    } catch (IOException e) {
      descriptors.close();
      throw e;
    }
  }

  private void live(NamespaceRoot root, Spawn spawn, boolean hostNetwork) {
    try (var own = new Descriptors()) {
      var calls = own.calls();
      try {
        calls.call(Call.UNSHARE, MOUNT | OTHERS | (hostNetwork ? 0 : NETWORK));
        var filter = new SystemCallFilter(calls, SystemCallFilter.Scope.BRANCH);
        root.enter(own, user.id(), hostNetwork);
        filter.enforce();
        started.complete(spawn.start());
      } catch (IOException | RuntimeException | Error e) {
        started.completeExceptionally(e);
        return;
      }
      try {
        attach(calls, orders.get());
        attached.complete(true);
      } catch (CancellationException | InterruptedException e) {
        attached.complete(false);
      } catch (ExecutionException | IOException | RuntimeException | Error e) {
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

  @Override
  public int userSlot() {
    return user.slot();
  }

  @Override
  public InstanceLog log() {
    return log;
  }

  @Override
  public ChildProcess child() {
    return child;
  }

  @Override
  public void run(List<Shown> shown, String text) throws IOException {
    try (var trees = new Descriptors()) {
      attach(trees, shown);
    }
    descriptors.write(script, text);
    descriptors.close();
  }

  private void attach(Descriptors trees, List<Shown> shown) throws IOException {
    var arena = Arena.ofAuto();
    var folders = new ArrayList<MemorySegment>();
    var taken = new int[shown.size()];
    var targets = new ArrayList<MemorySegment>();
    for (int i = 0; i < taken.length; i++) {
      var one = shown.get(i);
      taken[i] = take(trees, one);
      for (var parent = one.folder().getRoot(); !parent.equals(one.folder()); ) {
        parent = parent.resolve(one.folder().getName(parent.getNameCount()));
        folders.add(arena.allocateFrom(parent.toString()));
      }
      targets.add(arena.allocateFrom(one.folder().toString()));
    }
    targets.add(arena.allocateFrom(""));
    orders.complete(
        new Attachments(
            folders.stream().mapToLong(MemorySegment::address).toArray(),
            taken,
            targets.stream().mapToLong(MemorySegment::address).toArray()));
    try {
      ThreadResult.of(attached, NOT_MADE);
    } finally {
      // The thread that attaches has addresses only.
      Reference.reachabilityFence(arena);
    }
  }

  private int take(Descriptors trees, Shown one) throws IOException {
    return switch (one.access()) {
      case DATA -> MountTree.takeFolder(trees, one.folder(), STORAGE, user.namespace());
      case SOCKETS -> {
        own(one.folder(), user.id());
        yield MountTree.takeFolder(trees, one.folder(), STORAGE, -1);
      }
      case PROGRAMS ->
          MountTree.take(
              trees,
              one.folder(),
              MountTree.READ_ONLY | MountTree.NO_SET_ID | MountTree.NO_DEVICES);
    };
  }

  private static void own(Path folder, long user) throws IOException {
    // Sealed at the start before; see RunFiles.
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
    Files.setAttribute(folder, "unix:gid", (int) user, LinkOption.NOFOLLOW_LINKS);
    Files.setAttribute(folder, "unix:uid", (int) user, LinkOption.NOFOLLOW_LINKS);
  }

  @Override
  public void close() {
    orders.cancel(false);
    descriptors.close();
    log.close();
  }
}
