package io.vela.agent.storage;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** How the file system of a folder is mounted. */
public final class MountOptions {
  private MountOptions() {}

  /** The options of the file system, as {@code mountinfo} (proc(5)) lists them. */
  public static List<String> of(Path folder) throws CloneException {
    try {
      return Mounts.read().of(folder).map(Mounts.Mount::options).orElse(List.of());
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("the mount of %s cannot be read: %s".formatted(folder, e), ""), e);
    }
  }

  /**
   * The attributes of the mount that a path is on, such as {@code ro} and {@code nosuid}, as {@code
   * mountinfo} lists them.
   */
  public static List<String> ofMount(Path path) throws IOException {
    return Mounts.read().of(path).map(Mounts.Mount::attributes).orElse(List.of());
  }
}
