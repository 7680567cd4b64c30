package io.vela.it.support;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A user of this machine who is not root: whoever runs the tests, or, where that is root, a system
 * user made for them. That user does not reach root's Maven repository, so the class path is
 * copied.
 */
public final class OrdinaryUser {
  private static final String NAME = "vela-it";

  /** In a user namespace whose user is the same as outside, and where no further one is allowed. */
  private static final String NO_NAMESPACES =
      "echo 1 >/proc/sys/user/max_user_namespaces; user=$1; group=$2; shift 2; "
          + "exec unshare --user --map-user=$user --map-group=$group -- \"$@\"";

  private final Path folder;
  private final boolean namespaces;

  /**
   * @param folder that every user can reach, for what the user needs
   */
  public OrdinaryUser(Path folder) {
    this(folder, true);
  }

  private OrdinaryUser(Path folder, boolean namespaces) {
    this.folder = folder;
    this.namespaces = namespaces;
  }

  /** The same user where the kernel refuses namespaces, as some hosts have it. */
  public OrdinaryUser withoutNamespaces() {
    return new OrdinaryUser(folder, false);
  }

  /** Makes a folder that is the user's. */
  void makeOwn(Path own) throws IOException {
    Files.createDirectories(own);
    if (Machine.isRoot()) {
      if (Run.program("id", NAME).code() != 0) {
        Run.program("useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", NAME)
            .text();
      }
      Run.program("chown", NAME + ":" + NAME, own.toString()).text();
    }
  }

  /** The command that runs another one as the user. */
  List<String> command(List<String> command) {
    var whole = new ArrayList<String>();
    if (Machine.isRoot()) {
      whole.addAll(
          List.of("setpriv", "--reuid=" + NAME, "--regid=" + NAME, "--clear-groups", "--"));
    }
    if (!namespaces) {
      whole.addAll(
          List.of("unshare", "--user", "--map-root-user", "--", "sh", "-c", NO_NAMESPACES, "sh"));
      whole.addAll(List.of(id("-u"), id("-g")));
    }
    whole.addAll(command);
    return whole;
  }

  private static String id(String what) {
    return Machine.isRoot() ? Run.program("id", what, NAME).text() : Run.program("id", what).text();
  }

  /** A class path that the user can read. */
  String readable(String classPath) throws IOException {
    if (!Machine.isRoot()) {
      return classPath;
    }
    var copies = new ArrayList<String>();
    var all = Files.createDirectories(folder.resolve("classes"));
    for (var entry : classPath.split(File.pathSeparator, -1)) {
      var original = Path.of(entry);
      if (!entry.isEmpty() && Files.exists(original)) {
        var copy = Files.createDirectories(all.resolve("" + copies.size()));
        Run.program("cp", "-R", "--reflink=auto", entry, copy.toString()).text();
        copies.add(copy.resolve(original.getFileName()).toString());
      }
    }
    Run.program("chmod", "-R", "a+rX", all.toString()).text();
    return String.join(File.pathSeparator, copies);
  }
}
