package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.UnsupportedSource;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.file.UnsafeFileException;
import io.vela.agent.file.UntrustedFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/**
 * What can be known and must be changed in a data directory whose server does not run (Postgres
 * documentation, section 66.1, "Database File Layout"). The user that runs Postgres owns it, and
 * with it whoever is superuser in a branch: nothing in it is trusted.
 *
 * @param path the folder that holds {@code PG_VERSION}
 */
public record DataDirectory(Path path) {
  /** It would follow the primary, or wait for its archive. */
  private static final List<String> SIGNALS = List.of("standby.signal", "recovery.signal");

  private static final String CONFIGURATION = "postgresql.conf";
  private static final int MOST_VERSION_BYTES = 64;
  private static final List<String> LEFTOVERS =
      List.of(PostmasterFile.NAME, "postmaster.opts", "current_logfiles", "backup_manifest");

  /** Makes an empty one, 0700, for a user. */
  public static void create(Path data, ServiceUser user) throws IOException {
    var name = String.valueOf(data.getFileName());
    new UntrustedFolder(data.resolveSibling(".").normalize()).makeFolder(name, user.owner());
  }

  /** The data directory of a volume. */
  public static DataDirectory in(Path volume) {
    return new DataDirectory(volume.resolve("data"));
  }

  private UntrustedFolder folder() {
    return new UntrustedFolder(path);
  }

  /** Whether it exists, as a folder and no link to one. */
  public boolean isThere() throws IOException {
    return folder().isThere();
  }

  /**
   * Its major version.
   *
   * @throws CloneException with {@link UnsupportedSource} when it is no data directory
   */
  public int major() throws CloneException, IOException {
    try {
      var version = folder().read("PG_VERSION", MOST_VERSION_BYTES);
      return Integer.parseInt(new String(version, StandardCharsets.UTF_8).strip());
    } catch (NoSuchFileException | UnsafeFileException | NumberFormatException e) {
      throw new CloneException(
          new UnsupportedSource(
              path + " is not a data directory of Postgres 10 or later",
              "Name the folder that holds PG_VERSION."),
          e);
    }
  }

  /** Whether a server was stopped cleanly on it, so that it starts without recovery. */
  public boolean isShutDown() throws IOException {
    return ControlFile.read(path).isShutDown();
  }

  /** Whether a primary or a standby was stopped cleanly on it, so that its files are complete. */
  public boolean isComplete() throws IOException {
    var control = ControlFile.read(path);
    return control.isShutDown() || control.isShutDownStandby();
  }

  /** Whether a server runs on it. */
  public boolean isInUse() throws IOException {
    return PostmasterFile.read(path)
        .flatMap(file -> RunningProcesses.find(file.pid()))
        .filter(process -> process.argv().getFirst().contains("postgres"))
        .isPresent();
  }

  /** The tablespaces outside of it, by their object ids. */
  public List<String> tablespaces() throws IOException {
    return folder().list("pg_tblspc");
  }

  /** The size of all its files. */
  public long bytes() throws IOException {
    var sum = new long[1];
    folder().walk((_, status) -> sum[0] += status.isFile() ? status.bytes() : 0);
    return sum[0];
  }

  /**
   * Removes what would make its next server a standby, or have it wait for an archive: whoever may
   * write files as the server can make it. Cheap enough for each start.
   */
  public void removeSignals() throws IOException {
    for (var name : SIGNALS) {
      folder().delete(name);
    }
  }

  /** Removes what would make its next server a standby, a sender or a second one. */
  public void removeLeftovers() throws IOException {
    removeSignals();
    for (var name : LEFTOVERS) {
      folder().delete(name);
    }
    folder().empty("pg_replslot");
  }

  /**
   * Gives it a configuration file when it has none: Debian keeps it elsewhere.
   *
   * @param lines what to write into it
   */
  public void ensureConfiguration(List<String> lines, ServiceUser user) throws IOException {
    if (folder().find(CONFIGURATION).isEmpty()) {
      folder().write(CONFIGURATION, text(lines), user.owner());
    }
  }

  /** Adds lines to its configuration file. */
  public void configure(List<String> lines) throws IOException {
    folder().append(CONFIGURATION, text(lines));
  }

  private static byte[] text(List<String> lines) {
    return (String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** Removes a folder with all in it; no error when it is not there. */
  public static void delete(Path folder) throws IOException {
    new UntrustedFolder(folder).delete();
  }
}
