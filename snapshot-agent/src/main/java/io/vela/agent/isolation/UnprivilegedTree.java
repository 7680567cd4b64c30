package io.vela.agent.isolation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The file tree that the processes of an ordinary user's branch see: the same as root's ({@link
 * NamespaceRoot}), but put together by programs, since an ordinary user's namespaces can be entered
 * only by a process of a single thread. What need not be mounted is copied from a template.
 */
final class UnprivilegedTree {
  /** Where the host's files stay reachable until the instance's own have been shown. */
  static final String HOST = "/.host";

  private final Path stage;
  private final Path template;
  private final Map<Path, String> files;

  /**
   * @param stage an empty folder of Vela's, over which each tree is put together unseen by others
   * @param template an empty folder of Vela's own
   * @param files what else is to be read in the tree: content by absolute path
   */
  UnprivilegedTree(Path stage, Path template, Map<Path, String> files) {
    this.stage = stage;
    this.template = template;
    this.files = Map.copyOf(files);
  }

  /**
   * Makes the template.
   *
   * @param user the user's number
   * @param group its group's
   */
  void makeTemplate(long user, long group) throws IOException {
    for (var name : List.of("etc", "proc", "tmp", "dev/shm", HOST.substring(1))) {
      Files.createDirectories(template.resolve(name));
    }
    for (var name : TreeContents.SYSTEM) {
      var original = Path.of("/", name);
      if (Files.isSymbolicLink(original)) {
        Files.createSymbolicLink(template.resolve(name), Files.readSymbolicLink(original));
      } else if (Files.isDirectory(original)) {
        Files.createDirectories(template.resolve(name));
      }
    }
    for (var device : TreeContents.DEVICES) {
      Files.createFile(template.resolve("dev").resolve(device.name()));
    }
    for (var link : TreeContents.LINKS) {
      Files.createSymbolicLink(template.resolve(link.name()), Path.of(link.target()));
    }
    for (var name : TreeContents.SETTINGS) {
      place(name);
    }
    for (var name : TreeContents.NETWORK_SETTINGS) {
      place(name);
    }
    write("etc/passwd", TreeContents.users(user, group));
    write("etc/group", TreeContents.groups(group));
  }

  /** A place to mount something at. */
  private void place(String name) throws IOException {
    var original = Path.of("/etc", name);
    var place = template.resolve("etc").resolve(name);
    if (Files.isDirectory(original)) {
      Files.createDirectories(place);
    } else if (Files.exists(original)) {
      write("etc/" + name, "");
    }
  }

  private void write(String name, String text) throws IOException {
    var file = template.resolve(name);
    Files.createDirectories(file.resolveSibling("."));
    Files.writeString(file, text);
  }

  /** Not in the template, because they may be below {@code /tmp}, over which memory is mounted. */
  private List<String> filesWritten() {
    var lines = new ArrayList<String>();
    for (var file : files.entrySet()) {
      var path = stage.resolve(Path.of("/").relativize(file.getKey()));
      var quoted = ShellWords.quoted(path.toString());
      lines.add("mkdir -p " + ShellWords.quoted(String.valueOf(path.getParent())));
      lines.add("printf '%%s' %s >%s".formatted(ShellWords.quoted(file.getValue()), quoted));
    }
    return lines;
  }

  /**
   * The script that a first process puts the tree together by and enters it. It ends as a shell
   * that reads on from its standard input.
   */
  String enter(UnprivilegedNamespaces.Programs programs, boolean hostNetwork) throws IOException {
    var here = ShellWords.quoted(stage.toString());
    var lines = new ArrayList<String>();
    lines.add("set -e");
    lines.add("umask 022");
    lines.add(
        "%s -n -t tmpfs -o %s,nosuid,nodev vela %s"
            .formatted(programs.mount(), TreeContents.SMALL, here));
    lines.add(
        "%s -R --preserve=mode,links %s/. %s/"
            .formatted(programs.copy(), ShellWords.quoted(template.toString()), here));
    lines.add("cd " + here);
    lines.add(mountAll(programs, ".mounts", mounts(hostNetwork)));
    lines.addAll(filesWritten());
    if (!hostNetwork) {
      // The statistics collector of Postgres 14 talks to itself over it.
      lines.add("! command -v ip >/dev/null || ip link set lo up");
    }
    lines.add("%s . %s".formatted(programs.pivotRoot(), HOST.substring(1)));
    lines.add("cd /");
    // One more user namespace, for what is run in the end; none can be made in that one.
    lines.add("echo 1 >/proc/sys/user/max_user_namespaces");
    lines.add("exec %s -s".formatted(programs.shell()));
    return String.join("\n", lines);
  }

  /** A command that mounts all of these. */
  static String mountAll(
      UnprivilegedNamespaces.Programs programs, String table, List<MountLine> mounts) {
    var lines =
        mounts.stream()
            .map(line -> ShellWords.quoted(line.text()))
            .collect(Collectors.joining(" "));
    return "printf '%%s\\n' %s >%s && %s -n -a -T %s && : >%s"
        .formatted(lines, table, programs.mount(), table, table);
  }

  private List<MountLine> mounts(boolean hostNetwork) throws IOException {
    var lines = new ArrayList<MountLine>();
    for (var name : TreeContents.SYSTEM) {
      var original = Path.of("/", name);
      if (Files.isDirectory(original) && !Files.isSymbolicLink(original)) {
        lines.add(toRead(original, name));
      }
    }
    for (var name : TreeContents.SETTINGS) {
      settings(lines, name);
    }
    if (hostNetwork) {
      for (var name : TreeContents.NETWORK_SETTINGS) {
        settings(lines, name);
      }
    }
    for (var device : TreeContents.DEVICES) {
      var name = "dev/" + device.name();
      var original = Path.of("/", name);
      lines.add(
          new MountLine(
              original.toString(), stage.resolve(name).toString(), "none", List.of("bind")));
    }
    lines.add(memory("dev/shm", TreeContents.SHARED_MEMORY + ",nosuid,nodev,noexec"));
    lines.add(memory("tmp", TreeContents.TEMPORARY + ",nosuid,nodev"));
    lines.add(
        new MountLine(
            "proc",
            stage.resolve("proc").toString(),
            "proc",
            List.of("nosuid", "nodev", "noexec")));
    return lines;
  }

  private void settings(List<MountLine> lines, String name) throws IOException {
    var original = Path.of("/etc", name);
    if (Files.exists(original)) {
      lines.add(toRead(original.toRealPath(), "etc/" + name));
    }
  }

  private MountLine toRead(Path original, String name) throws IOException {
    return MountLine.again(
        original,
        original.toString(),
        stage.resolve(name).toString(),
        List.of("ro", "nosuid", "nodev"));
  }

  private MountLine memory(String name, String options) {
    return new MountLine("vela", stage.resolve(name).toString(), "tmpfs", List.of(options));
  }
}
