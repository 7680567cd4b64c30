package io.vela.agent.file;

import java.io.IOException;
import java.nio.file.NoSuchFileException;

/**
 * Removes trees by descriptors. What is nested deeply is moved up to where the removal began, and
 * removed from there: neither descriptors nor the stack run out, however deep its owner has made
 * it.
 */
final class TreeRemoval {
  private static final int DEEPEST = 32;

  private final Descriptor start;
  private int moved;

  /**
   * @param start the folder that what is to be removed is in
   */
  TreeRemoval(Descriptor start) {
    this.start = start;
  }

  /** Removes an entry, a folder with all in it; a link itself. Idempotent. */
  void remove(String name) throws IOException {
    remove(start, name, 0);
    // Each may have moved up others.
    for (int next = 0; next < moved; next++) {
      remove(start, movedName(next), 0);
    }
  }

  private static String movedName(int number) {
    return ".vela-removed-" + number;
  }

  private void remove(Descriptor parent, String name, int depth) throws IOException {
    try {
      if (parent.unlink(name)) {
        return;
      }
      try (var folder = parent.folder(name)) {
        var status = folder.status();
        if (status.mounted()) {
          throw new UnsafeFileException(folder.shown(), "something is mounted there");
        }
        // Any user may make a subvolume of btrfs, and one that nobody may write.
        if (status.device() != parent.status().device() && parent.destroySubvolume(name)) {
          return;
        }
        folder.makeWritable();
        if (depth == DEEPEST) {
          moveUp(parent, name);
          return;
        }
        empty(folder, depth);
      }
      parent.removeFolder(name);
    } catch (NoSuchFileException e) {
      // Somebody else has removed it.
    }
  }

  private void empty(Descriptor folder, int depth) throws IOException {
    try (var listed = folder.listable()) {
      // From its first again each time: what was listed is gone, and more may have come.
      for (var names = listed.names(true); !names.isEmpty(); names = listed.names(true)) {
        for (var name : names) {
          remove(folder, name, depth + 1);
        }
      }
    }
  }

  private void moveUp(Descriptor parent, String name) throws IOException {
    // What an interrupted removal has left there would be in the way.
    remove(start, movedName(moved), 0);
    parent.rename(name, start, movedName(moved));
    moved++;
  }
}
