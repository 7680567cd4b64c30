package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * A folder or file with what is mounted below it, taken out of the place where it is seen and not
 * attached anywhere yet (open_tree(2), mount_setattr(2), move_mount(2); Linux 5.12).
 */
final class MountTree {
  static final long READ_ONLY = 1;
  static final long NO_SET_ID = 2;
  static final long NO_DEVICES = 4;
  static final long NO_PROGRAMS = 8;
  private static final long MAPPED_IDS = 0x100000;

  private static final long CLONE = 1; // OPEN_TREE_CLONE
  private static final long RECURSIVE = 0x8000; // AT_RECURSIVE
  private static final long NO_LINK = 0x100; // AT_SYMLINK_NOFOLLOW
  private static final long EMPTY_PATH = 0x1000; // AT_EMPTY_PATH
  private static final long FROM_DESCRIPTOR = 4; // MOVE_MOUNT_F_EMPTY_PATH
  private static final long ATTRIBUTES_BYTES = 32; // struct mount_attr
  private static final long USER_NAMESPACE_AT = 24;

  private MountTree() {}

  /**
   * Takes a tree.
   *
   * @param attributes of all its mounts
   * @return its descriptor
   */
  static int take(Descriptors descriptors, Path path, long attributes) throws SystemCallException {
    return take(descriptors, path, 0, attributes, 0);
  }

  /**
   * Takes a folder whose last name is no link.
   *
   * @param ids a user namespace that maps owners on disk to owners as they are seen; none when
   *     negative
   */
  static int takeFolder(Descriptors descriptors, Path path, long attributes, int ids)
      throws SystemCallException {
    return ids < 0
        ? take(descriptors, path, NO_LINK, attributes, 0)
        : take(descriptors, path, NO_LINK, attributes | MAPPED_IDS, ids);
  }

  private static int take(
      Descriptors descriptors, Path path, long how, long attributes, int namespace)
      throws SystemCallException {
    var calls = descriptors.calls();
    int tree =
        descriptors.keep(
            calls.call(
                Call.OPEN_TREE,
                SystemCalls.CURRENT_FOLDER,
                calls.address(path.toString()),
                CLONE | RECURSIVE | Descriptors.CLOSE_ON_EXEC | how));
    var structure = calls.allocate(ATTRIBUTES_BYTES);
    structure.set(ValueLayout.JAVA_LONG, 0, attributes);
    structure.set(ValueLayout.JAVA_LONG, USER_NAMESPACE_AT, namespace);
    calls.call(
        Call.MOUNT_SETATTR,
        tree,
        calls.address(""),
        EMPTY_PATH | RECURSIVE,
        structure.address(),
        ATTRIBUTES_BYTES);
    return tree;
  }

  /** Attaches a tree where the calling thread sees that path. */
  static void attach(SystemCalls calls, int tree, long empty, long target)
      throws SystemCallException {
    calls.call(Call.MOVE_MOUNT, tree, empty, SystemCalls.CURRENT_FOLDER, target, FROM_DESCRIPTOR);
  }
}
