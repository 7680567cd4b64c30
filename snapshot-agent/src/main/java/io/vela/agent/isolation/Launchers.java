package io.vela.agent.isolation;

import io.vela.agent.exec.Programs;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.file.UntrustedFolder;
import io.vela.agent.isolation.PreparedNamespace.Access;
import io.vela.agent.isolation.PreparedNamespace.Shown;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Finds out how far this host lets Vela lock instances in, by trying. */
public final class Launchers {
  private static final long TRIAL_SECONDS = 20;
  private static final Path USR = Path.of("/usr");
  private static final String LEFT_READY = "ready-*.pipe";

  private Launchers() {}

  /**
   * The launcher that was found to work, and why it is no better one.
   *
   * @param shortfall to follow "because"; empty at the highest level
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
    var stage = privateFolder(folder.resolve(".root"));
    return ServiceUser.runningAsRoot()
        ? bestOfRoot(user, stage, folder, pool, files)
        : bestOfOrdinaryUser(user, stage, folder, files);
  }

  private static Found bestOfRoot(
      ServiceUser user, Path stage, Path folder, Path pool, Map<Path, String> files)
      throws IOException, InterruptedException {
    var root = new NamespaceRoot(stage, files);
    try {
      return new Found(privileged(user, root, folder, pool, true), "");
    } catch (IOException mapping) {
      try {
        return new Found(
            privileged(user, root, folder, pool, false),
            "user ids cannot be mapped: " + mapping.getMessage());
      } catch (IOException refused) {
        return sharingTheHost(user, folder, files, String.valueOf(refused.getMessage()));
      }
    }
  }

  private static Found bestOfOrdinaryUser(
      ServiceUser user, Path stage, Path folder, Map<Path, String> files)
      throws IOException, InterruptedException {
    var template = folder.resolve(".root-template");
    new UntrustedFolder(template).delete();
    var tree = new UnprivilegedTree(stage, privateFolder(template), files);
    try {
      tree.makeTemplate(user.uid(), user.gid());
      return new Found(
          tried(new UnprivilegedNamespaces(user, tree, unprivilegedPrograms()), folder),
          "Vela does not run as root, so branches share its user id");
    } catch (IOException refused) {
      return sharingTheHost(user, folder, files, String.valueOf(refused.getMessage()));
    }
  }

  /** The best where no namespaces can be made. */
  private static Found sharingTheHost(
      ServiceUser user, Path folder, Map<Path, String> files, String noNamespaces)
      throws IOException, InterruptedException {
    try {
      var confinement = new LandlockConfinement(List.copyOf(files.keySet()));
      trial(confinement, user, folder);
      return new Found(new SharedHostLauncher(user, confinement, new LogReader()), noNamespaces);
    } catch (IOException refused) {
      return new Found(plain(user), noNamespaces + "; Landlock: " + refused.getMessage());
    }
  }

  private static Path privateFolder(Path folder) throws IOException {
    Files.createDirectories(folder);
    return Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
  }

  /** A launcher that locks nothing in: for Vela's own servers, which run no code of others. */
  public static Launcher plain(ServiceUser user) throws IOException {
    requireSpawn();
    return new SharedHostLauncher(user, new NoConfinement(), new LogReader());
  }

  private static void requireSpawn() throws IOException {
    if (!Spawn.isAvailable()) {
      throw new IOException(
          "instances cannot be started: the C library is not glibc 2.34 or later");
    }
  }

  private static Launcher privileged(
      ServiceUser user, NamespaceRoot root, Path folder, Path pool, boolean mapped)
      throws IOException, InterruptedException {
    var programs =
        new PrivilegedNamespaces.Programs(ofSystem("sh"), ofSystem("mount"), ofSystem("setpriv"));
    var users = new BranchUsers(user, ofSystem("unshare"), ofSystem("cat"), mapped);
    try {
      tryMapping(users, pool, mapped);
    } catch (IOException e) {
      users.close();
      throw e;
    }
    return tried(new PrivilegedNamespaces(root, programs, users), folder);
  }

  private static UnprivilegedNamespaces.Programs unprivilegedPrograms() throws IOException {
    return new UnprivilegedNamespaces.Programs(
        ofSystem("sh"),
        ofSystem("unshare"),
        ofSystem("mount"),
        ofSystem("umount"),
        ofSystem("cp"),
        ofSystem("pivot_root"),
        ofSystem("setpriv"));
  }

  /** A launcher that was seen to work. */
  private static Launcher tried(NamespaceMaker namespaces, Path folder)
      throws IOException, InterruptedException {
    var launcher = new NamespaceLauncher(namespaces, folder, new LogReader());
    try {
      // Of those that outlived an earlier Vela, before the first user id is handed out.
      for (var record : InstanceRecord.running(folder).values()) {
        namespaces.occupy(record.userSlot());
      }
      trial(launcher, folder);
      launcher.prepareAhead(Duration.ZERO);
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

  /** Runs a script in a namespace that shows it a folder, as an instance would be run. */
  private static void trial(NamespaceLauncher launcher, Path folder)
      throws IOException, InterruptedException {
    var shown = privateFolder(folder.resolve(".trial"));
    var namespace = launcher.prepare(false);
    try {
      namespace.run(
          List.of(new Shown(shown, Access.DATA)),
          "test -d " + ShellWords.quoted(shown.toString()) + " && exit 42\n");
      int code = namespace.child().exit().get(TRIAL_SECONDS, TimeUnit.SECONDS);
      if (code != 42) {
        throw new IOException(
            "the first process of a namespace ended with %d: %s"
                .formatted(code, namespace.log().said()));
      }
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("the first process of a namespace did not end", e);
    } finally {
      launcher.discard(namespace);
    }
  }

  /** Runs a script that sees whether it is held, as an instance would be run. */
  private static void trial(LandlockConfinement confinement, ServiceUser user, Path folder)
      throws IOException, InterruptedException {
    if (LandlockRules.version() < LandlockRules.LEAST_VERSION) {
      throw new IOException("this kernel's version of it keeps no signals in (Linux 6.12 does)");
    }
    var own = privateFolder(folder.resolve(".trial"));
    var shell = ofSystem("sh");
    var script =
        "ls %s && exit 1; ls %s && exit 42"
            .formatted(ShellWords.quoted(folder.toString()), ShellWords.quoted(own.toString()));
    user.ownOne(own);
    var launch = new Launch(own, new RunFiles(own), USR, shell, List.of("-c", script), false);
    try (var descriptors = new Descriptors()) {
      var argv = user.wrap(List.of(shell.toString(), "-c", script));
      var spawn =
          new Spawn(
              argv,
              Environment.OF_INSTANCES,
              descriptors.devNullInput(),
              descriptors.devNullOutput());
      var child = new ChildProcess(confinement.start(launch, spawn));
      int code = child.exit().get(TRIAL_SECONDS, TimeUnit.SECONDS);
      if (code != 42) {
        throw new IOException("a process that it was to hold ended with " + code);
      }
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("a process that it was to hold did not end", e);
    }
  }

  private static Path ofSystem(String name) throws IOException {
    return Programs.findOfSystem(name)
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
