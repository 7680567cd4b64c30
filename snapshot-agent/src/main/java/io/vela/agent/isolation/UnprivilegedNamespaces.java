package io.vela.agent.isolation;

import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes namespaces as an ordinary user, where the kernel lets it (user_namespaces(7)). All
 * instances share that user's id; nothing else of each other do they see.
 */
final class UnprivilegedNamespaces implements NamespaceMaker {
  private final ServiceUser user;
  private final UnprivilegedTree tree;
  private final Programs programs;

  UnprivilegedNamespaces(ServiceUser user, UnprivilegedTree tree, Programs programs) {
    this.user = user;
    this.tree = tree;
    this.programs = programs;
  }

  /**
   * The host's programs that make namespaces and what is seen in them.
   *
   * @param shell {@code sh}
   * @param unshare {@code unshare}
   * @param mount {@code mount}
   * @param umount {@code umount}
   * @param copy {@code cp}
   * @param pivotRoot {@code pivot_root}
   * @param setpriv {@code setpriv}
   */
  record Programs(
      Path shell, Path unshare, Path mount, Path umount, Path copy, Path pivotRoot, Path setpriv) {

    /** The process that makes the namespaces and stays, and all ends with it. */
    List<String> first(String script, boolean hostNetwork) {
      var words =
          new ArrayList<>(
              List.of(
                  unshare.toString(),
                  "--user",
                  "--map-root-user",
                  "--mount",
                  "--pid",
                  "--fork",
                  "--kill-child",
                  "--ipc",
                  "--uts"));
      if (!hostNetwork) {
        words.add("--net");
      }
      words.addAll(List.of("--", shell.toString(), "-c", script));
      return words;
    }

    /**
     * The command that gives up what the user may do in its namespaces: a second user namespace, in
     * which it is nobody special, and out of which there is no way back.
     */
    List<String> last(ServiceUser user, String script) {
      return List.of(
          unshare.toString(),
          "--user",
          "--map-user=" + user.uid(),
          "--map-group=" + user.gid(),
          "--keep-caps",
          "--",
          setpriv.toString(),
          "--inh-caps=-all",
          "--bounding-set=-all",
          "--ambient-caps=-all",
          "--no-new-privs",
          "--",
          shell.toString(),
          "-c",
          script);
    }
  }

  @Override
  public IsolationLevel level() {
    return IsolationLevel.NAMESPACES;
  }

  @Override
  public PreparedNamespace prepare(InstanceLog log, boolean hostNetwork) throws IOException {
    return new UnprivilegedNamespace(tree, programs, user, log, hostNetwork);
  }

  @Override
  public boolean countsByInstance() {
    return true;
  }

  @Override
  public void seal(RunFiles run) {}

  @Override
  public void occupy(int userSlot) {}

  @Override
  public void release(int userSlot) {}

  @Override
  public void close() {}
}
