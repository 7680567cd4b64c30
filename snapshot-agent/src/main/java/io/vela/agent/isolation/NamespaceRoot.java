package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;

/**
 * The file tree that a branch's processes see: the system's programs and libraries to read, devices
 * that give away nothing, {@code /tmp} and {@code /dev/shm} of its own. Its data and its socket are
 * shown later, by the names that they have on the host, so that the host's list of processes tells
 * whose they are. {@code /proc} is mounted by the branch's first process, because it shows the
 * process namespace of whoever mounts it.
 */
final class NamespaceRoot {
  private static final long NO_SET_ID = 2; // MS_NOSUID
  private static final long NO_DEVICES = 4; // MS_NODEV
  private static final long NO_PROGRAMS = 8; // MS_NOEXEC
  private static final long RECURSIVE_PRIVATE = 0x4000 | 0x40000; // MS_REC | MS_PRIVATE
  private static final long DETACH = 2; // MNT_DETACH
  private static final long CHARACTER_DEVICE = 0x2000 | 0666; // S_IFCHR
  private static final long READABLE = 022;
  private static final long INTERNET = 2; // AF_INET
  private static final long DATAGRAMS = 2; // SOCK_DGRAM
  private static final long SET_FLAGS = 0x8914; // SIOCSIFFLAGS
  private static final long INTERFACE_BYTES = 40; // struct ifreq
  private static final long FLAGS_AT = 16;

  private final Path stage;
  private final Map<Path, String> files;

  /**
   * @param stage an empty folder of Vela's, over which each tree is put together unseen by others
   * @param files what else is to be read in the tree: content by absolute path
   */
  NamespaceRoot(Path stage, Map<Path, String> files) {
    this.stage = stage;
    this.files = Map.copyOf(files);
  }

  /**
   * Makes the tree and enters it with the calling thread, which has a mount namespace of its own.
   *
   * @param user the number of the branch's user
   */
  void enter(Descriptors descriptors, long user, boolean hostNetwork) throws IOException {
    var calls = descriptors.calls();
    calls.call(Call.UMASK, READABLE);
    mount(calls, "", "/", "", RECURSIVE_PRIVATE, "");
    mount(calls, "tmpfs", stage.toString(), "tmpfs", NO_SET_ID | NO_DEVICES, TreeContents.SMALL);
    for (var name : TreeContents.SYSTEM) {
      system(descriptors, name);
    }
    Files.createDirectories(stage.resolve("etc"));
    Files.writeString(stage.resolve("etc/passwd"), TreeContents.users(user, user));
    Files.writeString(stage.resolve("etc/group"), TreeContents.groups(user));
    for (var name : TreeContents.SETTINGS) {
      settings(descriptors, name);
    }
    if (hostNetwork) {
      for (var name : TreeContents.NETWORK_SETTINGS) {
        settings(descriptors, name);
      }
    } else {
      loopbackUp(descriptors);
    }
    devices(calls);
    folder("proc");
    folder("tmp");
    mount(calls, "tmpfs", below("tmp"), "tmpfs", NO_SET_ID | NO_DEVICES, TreeContents.TEMPORARY);
    for (var file : files.entrySet()) {
      var path = stage.resolve(Path.of("/").relativize(file.getKey()));
      Files.createDirectories(path.resolveSibling("."));
      Files.writeString(path, file.getValue());
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-r--r--"));
    }
    pivot(calls);
  }

  /** From here on the thread finds no class that it has not used before. */
  private void pivot(SystemCalls calls) throws SystemCallException {
    long place = calls.address(stage.toString());
    long here = calls.address(".");
    long top = calls.address("/");
    calls.call(Call.CHDIR, place);
    calls.call(Call.PIVOT_ROOT, here, here);
    calls.call(Call.UMOUNT2, here, DETACH);
    calls.call(Call.CHDIR, top);
  }

  private void system(Descriptors descriptors, String name) throws IOException {
    var original = Path.of("/", name);
    if (Files.isSymbolicLink(original)) {
      Files.createSymbolicLink(stage.resolve(name), Files.readSymbolicLink(original));
    } else if (Files.isDirectory(original)) {
      folder(name);
      attach(descriptors, original, below(name));
    }
  }

  private void settings(Descriptors descriptors, String name) throws IOException {
    var original = Path.of("/etc", name);
    if (!Files.exists(original)) {
      return;
    }
    var target = stage.resolve("etc").resolve(name);
    Files.createDirectories(target.resolveSibling("."));
    if (Files.isDirectory(original)) {
      Files.createDirectories(target);
    } else {
      Files.createFile(target);
    }
    attach(descriptors, original.toRealPath(), target.toString());
  }

  private static void attach(Descriptors descriptors, Path original, String target)
      throws SystemCallException {
    var calls = descriptors.calls();
    int tree =
        MountTree.take(
            descriptors,
            original,
            MountTree.READ_ONLY | MountTree.NO_SET_ID | MountTree.NO_DEVICES);
    MountTree.attach(calls, tree, calls.address(""), calls.address(target));
    descriptors.close(tree);
  }

  private void devices(SystemCalls calls) throws IOException {
    folder("dev");
    mount(calls, "tmpfs", below("dev"), "tmpfs", NO_SET_ID | NO_PROGRAMS, TreeContents.SMALL);
    for (var device : TreeContents.DEVICES) {
      var path = below("dev/" + device.name());
      calls.call(
          Call.MKNODAT,
          SystemCalls.CURRENT_FOLDER,
          calls.address(path),
          CHARACTER_DEVICE,
          device.major() << 8 | device.minor());
      // Whatever the umask says.
      Files.setPosixFilePermissions(Path.of(path), PosixFilePermissions.fromString("rw-rw-rw-"));
    }
    for (var link : TreeContents.LINKS) {
      Files.createSymbolicLink(stage.resolve(link.name()), Path.of(link.target()));
    }
    folder("dev/shm");
    mount(
        calls,
        "tmpfs",
        below("dev/shm"),
        "tmpfs",
        NO_SET_ID | NO_DEVICES | NO_PROGRAMS,
        TreeContents.SHARED_MEMORY);
  }

  /** The statistics collector of Postgres 14 talks to itself over it. */
  private static void loopbackUp(Descriptors descriptors) throws SystemCallException {
    var calls = descriptors.calls();
    int socket =
        descriptors.keep(
            calls.call(Call.SOCKET, INTERNET, DATAGRAMS | Descriptors.CLOSE_ON_EXEC, 0));
    var request = calls.allocate(INTERFACE_BYTES);
    request.setString(0, "lo");
    request.set(ValueLayout.JAVA_SHORT, FLAGS_AT, (short) 1); // IFF_UP
    calls.call(Call.IOCTL, socket, SET_FLAGS, request.address());
    descriptors.close(socket);
  }

  private static void mount(
      SystemCalls calls, String source, String target, String type, long flags, String options)
      throws SystemCallException {
    calls.call(
        Call.MOUNT,
        calls.address(source),
        calls.address(target),
        calls.address(type),
        flags,
        calls.address(options));
  }

  private String below(String name) {
    return stage.resolve(name).toString();
  }

  private void folder(String name) throws IOException {
    var path = stage.resolve(name);
    if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectories(path);
    }
  }
}
