package io.vela.agent.isolation;

import io.vela.agent.exec.Programs;
import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Finds out how far this host lets Vela lock instances in, by trying. */
public final class Launchers {
  private static final long TRIAL_SECONDS = 20;
  private static final String LEFT_READY = "ready-*.pipe";

  private Launchers() {}

  /**
   * The launcher that was found to work, and why it is no better one.
   *
   * @param shortfall empty at the highest level
   */
  public record Found(Launcher launcher, String shortfall) {}

  /**
   * The best launcher that works here. Blocks for some milliseconds.
   *
   * @param user who owns volumes
   * @param folder of Vela's own: beside it nobody else may write
   * @param pool where volumes are
   * @param files what instances read in their own tree: content by absolute path
   */
  public static Found best(ServiceUser user, Path folder, Path pool, Map<Path, String> files)
      throws IOException, InterruptedException {
    requireSpawn();
    clear(folder);
    if (!ServiceUser.runningAsRoot()) {
      return new Found(plain(user), "Vela does not run as root");
    }
    var stage = folder.resolve(".root");
    Files.createDirectories(stage);
    Files.setPosixFilePermissions(stage, PosixFilePermissions.fromString("rwx------"));
    var root = new NamespaceRoot(stage, files);
    try {
      return new Found(namespaces(user, root, folder, pool, true), "");
    } catch (IOException mapping) {
      try {
        return new Found(
            namespaces(user, root, folder, pool, false),
            "user ids cannot be mapped: " + mapping.getMessage());
      } catch (IOException refused) {
        return new Found(plain(user), String.valueOf(refused.getMessage()));
      }
    }
  }

  /** A launcher that locks nothing in: for Vela's own servers, which run no code of others. */
  public static Launcher plain(ServiceUser user) throws IOException {
    requireSpawn();
    return new PlainLauncher(user, new LogReader());
  }

  private static void requireSpawn() throws IOException {
    if (!Spawn.isAvailable()) {
      throw new IOException(
          "instances cannot be started: the C library is not glibc 2.34 or later");
    }
  }

  private static Launcher namespaces(
      ServiceUser user, NamespaceRoot root, Path folder, Path pool, boolean mapped)
      throws IOException, InterruptedException {
    var users = new BranchUsers(user, program("unshare"), program("cat"), mapped);
    var launcher =
        new NamespaceLauncher(
            root,
            new PreparedNamespace.Programs(program("sh"), program("mount"), program("setpriv")),
            users,
            mapped ? IsolationLevel.FULL : IsolationLevel.NAMESPACES,
            folder,
            new LogReader());
    try {
      tryMapping(users, pool, mapped);
      trial(launcher);
      launcher.prepareAhead();
      return launcher;
    } catch (IOException | InterruptedException e) {
      launcher.close();
      throw e;
    }
  }

  /** Whether the pool's file system takes a mapping of ids. */
  private static void tryMapping(BranchUsers users, Path pool, boolean mapped) throws IOException {
    if (mapped) {
      var user = users.take();
      try (var descriptors = new Descriptors()) {
        MountTree.takeFolder(descriptors, pool, MountTree.NO_DEVICES, user.namespace());
      } finally {
        users.release(user.slot());
      }
    }
  }

  private static void trial(NamespaceLauncher launcher) throws IOException, InterruptedException {
    var namespace = launcher.prepare(false);
    namespace.show(List.of());
    namespace.run("exit 42\n");
    try {
      int code = namespace.child().exit().get(TRIAL_SECONDS, TimeUnit.SECONDS);
      namespace.log().drain();
      if (code != 42) {
        throw new IOException("the first process of a namespace ended with " + code);
      }
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("the first process of a namespace did not end", e);
    } finally {
      launcher.discard(namespace);
    }
  }

  private static Path program(String name) throws IOException {
    return Programs.find(name)
        .orElseThrow(() -> new IOException("the program " + name + " was not found"))
        .toRealPath(LinkOption.NOFOLLOW_LINKS);
  }

  /** Removes pipes of namespaces that an earlier Vela kept ready. */
  private static void clear(Path folder) throws IOException {
    try (var left = Files.newDirectoryStream(folder, LEFT_READY)) {
      for (var pipe : left) {
        if (!InstanceLog.isRead(pipe)) {
          Files.deleteIfExists(pipe);
        }
      }
    }
  }
}
