package io.vela.agent.source;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.UnsupportedSource;
import io.vela.agent.file.FileStatus;
import io.vela.agent.file.Owner;
import io.vela.agent.file.UnsafeFileException;
import io.vela.agent.file.UntrustedFolder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Looks at each entry of a data directory that has come from somewhere else, before anything in it
 * is read or written: there may be plain files and folders, and nothing that leads out of it.
 */
final class ImportedTree {
  /** More than any cluster has; what has more would keep the import busy without end. */
  private static final int MOST_ENTRIES = 20_000_000;

  private static final String TABLESPACES = "pg_tblspc/";
  private static final String TABLESPACE_MAP = "tablespace_map";

  /** Why an entry is refused, found within the walk. */
  private static final class Refused extends IOException {
    private static final long serialVersionUID = 1;

    Refused(String name, String reason) {
      super("the copied data is refused: " + name + " " + reason);
    }
  }

  private final Owner owner;
  private int entries;

  private ImportedTree(Owner owner) {
    this.owner = owner;
  }

  /**
   * @param owner who made all of it
   * @throws CloneException with {@link UnsupportedSource}, which names the entry
   */
  static void check(Path data, Owner owner) throws CloneException, IOException {
    try {
      var folder = new UntrustedFolder(data);
      folder.walk(new ImportedTree(owner)::check);
      if (folder.find(TABLESPACE_MAP).filter(map -> map.bytes() > 0).isPresent()) {
        throw new Refused(TABLESPACE_MAP, "names tablespaces, and its server said it has none");
      }
    } catch (Refused e) {
      throw refused(String.valueOf(e.getMessage()), e);
    } catch (UnsafeFileException e) {
      throw refused("the copied data is refused: " + e.getMessage(), e);
    }
  }

  private static CloneException refused(String message, IOException cause) {
    return new CloneException(
        new UnsupportedSource(
            message, "No server of Postgres sends this; find out who answers at the source."),
        cause);
  }

  private void check(String name, FileStatus status) throws IOException {
    var reason = reason(name, status);
    if (reason.isPresent()) {
      throw new Refused(name, reason.get());
    }
  }

  private Optional<String> reason(String name, FileStatus status) {
    if (!status.isFile() && !status.isFolder()) {
      return Optional.of("is " + status.kind());
    }
    if (status.isFile() && status.links() != 1) {
      return Optional.of("has %d names".formatted(status.links()));
    }
    // On a folder it only hands its group down, as where an administrator wanted that.
    if (status.isFile() && status.setsId()) {
      return Optional.of("has a set-id bit");
    }
    if (!status.owner().equals(owner)) {
      return Optional.of("belongs to somebody else");
    }
    if (name.startsWith(TABLESPACES)) {
      return Optional.of("is in a tablespace outside of the data directory");
    }
    return ++entries > MOST_ENTRIES ? Optional.of("is one of too many") : Optional.empty();
  }
}
