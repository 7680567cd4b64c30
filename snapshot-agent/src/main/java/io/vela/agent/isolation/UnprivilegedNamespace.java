package io.vela.agent.isolation;

import io.vela.agent.exec.ServiceUser;
import io.vela.agent.isolation.SystemCallFilter.Scope;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Namespaces that an ordinary user has made.
 *
 * <pre>
 *   thread:   filter ─► unshare ─► ends
 *   process:            unshare ─► tree ─► sh, which reads a script ──► branch's folders, the host let go,
 *                                                                      second user namespace, sh ─► runs it
 * </pre>
 *
 * <p>A process of several threads, as Vela is, can enter no user namespace, so programs of the host
 * do the work. The filter is a thread's, so a thread of Vela takes it on for its child.
 */
final class UnprivilegedNamespace implements PreparedNamespace {
  private static final List<String> WRITABLE =
      List.of("nosuid", "nodev", "noexec", "X-mount.mkdir");
  private static final List<String> TO_READ = List.of("ro", "nosuid", "nodev", "X-mount.mkdir");

  private final UnprivilegedNamespaces.Programs programs;
  private final ServiceUser user;
  private final InstanceLog log;
  private final Descriptors descriptors = new Descriptors();
  private final int script;
  private final ChildProcess child;

  /**
   * @param user Vela's own
   * @param log what the instance's outputs go to
   * @param hostNetwork whether it shares the host's network
   */
  UnprivilegedNamespace(
      UnprivilegedTree tree,
      UnprivilegedNamespaces.Programs programs,
      ServiceUser user,
      InstanceLog log,
      boolean hostNetwork)
      throws IOException {
    this.programs = programs;
    this.user = user;
    this.log = log;
    try {
      var ends = descriptors.pipe();
      script = ends[1];
      int output = descriptors.keep(log.openForInstance());
      var first = programs.first(tree.enter(programs, hostNetwork), hostNetwork);
      var spawn = new Spawn(first, Environment.OF_INSTANCES, ends[0], output);
      child =
          new ChildProcess(
              spawn.startFrom(
                  () -> new SystemCallFilter(new SystemCalls(), Scope.MAKER).enforce()));
      descriptors.close(ends[0]);
      descriptors.close(output);
    } catch (IOException e) {
      descriptors.close();
      throw e;
    }
  }

  @Override
  public int userSlot() {
    return -1;
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
    var lines = new ArrayList<String>();
    if (!shown.isEmpty()) {
      var mounts = new ArrayList<MountLine>();
      for (var one : shown) {
        mounts.add(
            MountLine.again(
                one.folder(),
                UnprivilegedTree.HOST + one.folder(),
                one.folder().toString(),
                one.access() == Access.PROGRAMS ? TO_READ : WRITABLE));
      }
      lines.add(UnprivilegedTree.mountAll(programs, "/.mounts", mounts));
    }
    lines.add(programs.umount() + " -l " + UnprivilegedTree.HOST);
    var last = new StringBuilder("exec");
    programs.last(user, text).forEach(word -> last.append(' ').append(ShellWords.quoted(word)));
    lines.add(last.append('\n').toString());
    descriptors.write(script, String.join(" &&\n", lines));
    descriptors.close();
  }

  @Override
  public void close() {
    descriptors.close();
    log.close();
  }
}
