package io.vela.agent.storage;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Gives the service user a way to a folder of root's. {@code /root} is closed to everyone else, so
 * Postgres could not enter {@code /root/.vela}; the folder is then mounted a second time ({@code
 * mount --bind}) below {@code /run/vela}, and that path is used everywhere.
 */
public final class ReachablePath {
  private static final Path MOUNTS = Path.of("/run/vela");

  private final ServiceUser user;
  private final Consumer<String> say;

  /**
   * @param say told a line for a person when a folder is mounted again
   */
  public ReachablePath(ServiceUser user, Consumer<String> say) {
    this.user = user;
    this.say = say;
  }

  /**
   * A path of the folder by which the service user reaches it: the folder's own where that does.
   * The folder is made when missing, and opened for passing through (not for listing).
   *
   * @param folder a folder that is Vela's own
   * @throws CloneException when there is no way and none can be made
   */
  public Path reachable(Path folder) throws CloneException, InterruptedException {
    try {
      var own = Files.createDirectories(folder.toAbsolutePath().normalize()).toRealPath();
      if (!user.isOther()) {
        return own;
      }
      openForPassing(own);
      return user.canReach(own) ? own : mountedAgain(own);
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("%s cannot be used: %s".formatted(folder, e), ""), e);
    }
  }

  /** Ends the second mount of a folder; nothing happens without one. For when the folder goes. */
  public void release(Path folder) throws CloneException {
    try {
      var mount = mountOf(folder.toRealPath());
      if (Mounts.read().at(mount).isPresent()) {
        StorageCommand.run("umount", mount.toString());
        Files.delete(mount);
      }
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("%s cannot be released: %s".formatted(folder, e), ""), e);
    }
  }

  private Path mountedAgain(Path folder) throws IOException, CloneException, InterruptedException {
    var mount = mountOf(folder);
    if (Mounts.read().at(mount).isPresent()) {
      if (Files.isSameFile(mount, folder)) {
        return mount;
      }
      // The folder it showed was deleted and made anew.
      StorageCommand.run("umount", "--recursive", mount.toString());
    }
    Files.createDirectories(mount);
    Files.setPosixFilePermissions(MOUNTS, PosixFilePermissions.fromString("rwx--x--x"));
    say.accept(
        "%s is closed to the user %s: mounting it at %s as well".formatted(folder, user, mount));
    try {
      StorageCommand.run("mount", "--bind", folder.toString(), mount.toString());
    } catch (CloneException e) {
      Files.delete(mount);
      throw unreachable(folder, e.failure().message(), e);
    }
    if (!user.canReach(mount)) {
      throw unreachable(
          folder, mount + " is closed to it too", new IOException(mount + " is closed"));
    }
    return mount;
  }

  private CloneException unreachable(Path folder, String reason, Exception cause) {
    return new CloneException(
        new StorageFailed(
            "the user %s cannot enter %s and it cannot be mounted elsewhere (%s): choose another --data or pool.path"
                .formatted(user, folder, reason),
            ""),
        cause);
  }

  private static void openForPassing(Path folder) throws IOException {
    var permissions = Files.getPosixFilePermissions(folder);
    if (permissions.addAll(
        Set.of(PosixFilePermission.GROUP_EXECUTE, PosixFilePermission.OTHERS_EXECUTE))) {
      Files.setPosixFilePermissions(folder, permissions);
    }
  }

  private static Path mountOf(Path folder) {
    try {
      var digest =
          MessageDigest.getInstance("SHA-256")
              .digest(folder.toString().getBytes(StandardCharsets.UTF_8));
      return MOUNTS.resolve(HexFormat.of().formatHex(digest, 0, 6));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
