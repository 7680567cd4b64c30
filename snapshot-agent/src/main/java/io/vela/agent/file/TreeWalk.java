package io.vela.agent.file;

import java.io.IOException;
import java.nio.file.NoSuchFileException;

/** Goes through a tree by descriptors; no link is followed, and nothing that is mounted entered. */
final class TreeWalk {
  private static final long ANY = -1;

  private TreeWalk() {}

  /** Told of each entry. */
  @FunctionalInterface
  interface Step {
    /**
     * @param parent the folder that it is in
     * @param name its name, in bytes
     * @param entry opened by name only; closed afterwards
     */
    void at(Descriptor parent, String name, Descriptor entry) throws IOException;
  }

  /**
   * Goes to each entry below a folder, to a folder before its entries.
   *
   * @param depth how many folders within another it may meet
   */
  static void overEntries(Descriptor folder, int depth, Step step) throws IOException {
    overEntries(folder, depth, folder.status().device(), step);
  }

  /** As above, and goes to the entries of subvolumes too, which others may have made in it. */
  static void overAll(Descriptor folder, int depth, Step step) throws IOException {
    overEntries(folder, depth, ANY, step);
  }

  private static void overEntries(Descriptor folder, int depth, long device, Step step)
      throws IOException {
    if (depth == 0) {
      throw new UnsafeFileException(folder.shown(), "folders are nested too deeply");
    }
    try (var listed = folder.listable()) {
      for (var names = listed.names(true); !names.isEmpty(); names = listed.names(false)) {
        for (var name : names) {
          try (var entry = folder.entry(name)) {
            step.at(folder, name, entry);
            var status = entry.status();
            if (status.isFolder()
                && !status.mounted()
                && (device == ANY || status.device() == device)) {
              overEntries(entry, depth - 1, device, step);
            }
          } catch (NoSuchFileException e) {
            // Its owner has removed it in the meantime.
          }
        }
      }
    }
  }
}
