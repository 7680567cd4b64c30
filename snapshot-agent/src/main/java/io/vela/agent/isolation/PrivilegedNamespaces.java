package io.vela.agent.isolation;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Makes namespaces as root: a user id for each instance, and no privileges left in them. */
final class PrivilegedNamespaces implements NamespaceMaker {
  private final NamespaceRoot root;
  private final Programs programs;
  private final BranchUsers users;

  PrivilegedNamespaces(NamespaceRoot root, Programs programs, BranchUsers users) {
    this.root = root;
    this.programs = programs;
    this.users = users;
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

  @Override
  public IsolationLevel level() {
    return users.areMapped() ? IsolationLevel.FULL : IsolationLevel.NAMESPACES;
  }

  @Override
  public PreparedNamespace prepare(InstanceLog log, boolean hostNetwork) throws IOException {
    var user = users.take();
    try {
      return new PrivilegedNamespace(root, programs, user, log, hostNetwork);
    } catch (IOException e) {
      users.release(user.slot());
      throw e;
    }
  }

  @Override
  public boolean countsByInstance() {
    return users.areMapped();
  }

  @Override
  public void seal(RunFiles run) throws IOException {
    run.seal();
  }

  @Override
  public void occupy(int userSlot) {
    if (userSlot >= 0) {
      users.occupy(userSlot);
    }
  }

  @Override
  public void release(int userSlot) {
    users.release(userSlot);
  }

  @Override
  public void close() {
    users.close();
  }
}
