package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.BinariesMissing;
import io.vela.agent.exec.Command;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Finds the Postgres of a major version: in the configured folders, where Debian and the PGDG
 * packages put it, and else the embedded one, unpacked on first use. Any thread.
 */
public final class PostgresBinaries {
  private static final Pattern VERSION = Pattern.compile("\\(PostgreSQL\\) (\\d+)");

  /**
   * How many newer majors are looked at for a client program: pg_basebackup works with servers of
   * its own and older versions (Postgres documentation, pg_basebackup, Notes).
   */
  private static final int NEWER_CLIENTS = 10;

  private final List<Path> searchPath;
  private final Path packages;
  private final EmbeddedPostgres embedded;
  private final Map<Integer, Installation> found = new ConcurrentHashMap<>();

  /**
   * @param searchPath folders that hold {@code <major>/bin/postgres} or {@code bin/postgres}
   * @param unpacked where the embedded Postgres is unpacked; the user that runs Postgres must be
   *     able to reach it
   */
  public PostgresBinaries(List<Path> searchPath, Path unpacked) {
    this(searchPath, unpacked, List.of());
  }

  /**
   * The same, with folders where an embedded Postgres may have been unpacked before.
   *
   * @param prepared folders that hold {@code <version>/bin/postgres}, the version in full; the user
   *     that runs Postgres must be able to reach them
   */
  public PostgresBinaries(List<Path> searchPath, Path unpacked, List<Path> prepared) {
    this(searchPath, Path.of("/usr"), new EmbeddedPostgres(unpacked, prepared));
  }

  /**
   * @param packages below which Debian and the PGDG packages put Postgres
   */
  PostgresBinaries(List<Path> searchPath, Path packages, Path unpacked) {
    this(searchPath, packages, new EmbeddedPostgres(unpacked, List.of()));
  }

  private PostgresBinaries(List<Path> searchPath, Path packages, EmbeddedPostgres embedded) {
    this.searchPath = List.copyOf(searchPath);
    this.packages = packages;
    this.embedded = embedded;
  }

  /**
   * The Postgres of that major version.
   *
   * @throws CloneException with {@link BinariesMissing} when there is none
   */
  public Installation installation(int major) throws CloneException, InterruptedException {
    var known = found.get(major);
    if (known != null) {
      return known;
    }
    for (var bin : candidates(major).toList()) {
      if (major(bin).filter(version -> version == major).isPresent()) {
        return remember(Installation.at(major, bin));
      }
    }
    var unpacked = embedded.unpack(major);
    if (unpacked.isEmpty()) {
      throw new CloneException(missing(major, "postgres"));
    }
    return remember(Installation.at(major, unpacked.get().resolve("bin")));
  }

  /**
   * A client program that speaks to servers of that major version: the version's own, else that of
   * the next newer one.
   *
   * @throws CloneException with {@link BinariesMissing} when there is none
   */
  public Path client(int major, String program) throws CloneException {
    for (int version = major; version <= major + NEWER_CLIENTS; version++) {
      var file =
          candidates(version)
              .map(bin -> bin.resolve(program))
              .filter(Files::isExecutable)
              .findFirst();
      if (file.isPresent()) {
        return file.get();
      }
    }
    throw new CloneException(missing(major, program));
  }

  /** What to say about a program that is missing. */
  static BinariesMissing missing(int major, String program) {
    var client = program.equals("pg_basebackup") || program.startsWith("pg_dump");
    return new BinariesMissing(
        major, program, (client ? "postgresql-client-" : "postgresql-") + major);
  }

  private Installation remember(Installation installation) {
    found.put(installation.major(), installation);
    return installation;
  }

  private Stream<Path> candidates(int major) {
    var folders = new ArrayList<Path>();
    for (var folder : searchPath) {
      folders.add(folder.resolve(String.valueOf(major)).resolve("bin"));
      folders.add(folder.resolve("bin"));
    }
    folders.add(packages.resolve("lib/postgresql").resolve(String.valueOf(major)).resolve("bin"));
    folders.add(packages.resolve("pgsql-" + major).resolve("bin"));
    return folders.stream();
  }

  /** The major version of the server in that folder, as it says itself. */
  private static Optional<Integer> major(Path bin) throws InterruptedException {
    var postgres = bin.resolve("postgres");
    if (!Files.isExecutable(postgres)) {
      return Optional.empty();
    }
    var version = VERSION.matcher(Command.of(postgres.toString(), "--version").run().stdout());
    return version.find() ? Optional.of(Integer.valueOf(version.group(1))) : Optional.empty();
  }
}
