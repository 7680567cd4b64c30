package io.vela.agent.source;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.SourceFailed;
import io.vela.agent.CloneFailure.UnsupportedSource;
import io.vela.agent.ImportProgress;
import io.vela.agent.Source;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.file.FileKind;
import io.vela.agent.file.Owner;
import io.vela.agent.file.UntrustedFolder;
import io.vela.agent.postgres.DataDirectory;
import io.vela.agent.postgres.PostgresBinaries;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A stopped data directory, copied and not changed. */
final class DirectoryImport implements Importer {
  private static final Logger log = LoggerFactory.getLogger(DirectoryImport.class);

  /** What Postgres itself follows: people put its WAL and its configuration elsewhere. */
  private static final List<String> FOLLOWED =
      List.of("pg_wal", "postgresql.conf", "postgresql.auto.conf");

  private static final int OWNER_ONLY = 0700;
  private static final Duration TIMEOUT = Duration.ofHours(24);
  private static final Duration BETWEEN_PROGRESS = Duration.ofMillis(500);

  private final Path source;
  private final PostgresBinaries binaries;
  private final ServiceUser user;

  DirectoryImport(Source.Directory source, PostgresBinaries binaries, ServiceUser user) {
    this.source = resolved(Path.of(source.path()));
    this.binaries = binaries;
    this.user = user;
  }

  /** The path that is given may be a link, as an administrator makes one. */
  private static Path resolved(Path given) {
    try {
      return given.toRealPath();
    } catch (IOException e) {
      // Then it is said that this is no data directory.
      return given.toAbsolutePath().normalize();
    }
  }

  @Override
  public Imported bring(Path data, Consumer<ImportProgress> progress)
      throws CloneException, IOException, InterruptedException {
    var original = new DataDirectory(source);
    // Before anything is copied: the data would be of no use.
    binaries.installation(original.major());
    check(original);
    long total = original.bytes();
    copy(data, total, progress);
    if (original.isInUse()) {
      throw new CloneException(inUse());
    }
    removeWhatIsNoData(data);
    ImportedTree.check(data, user.owner());
    progress.accept(new ImportProgress("copying", total, total));
    return new Imported(
        List.of("# made by Vela: the data came without a configuration"), List.of());
  }

  private void check(DataDirectory original) throws CloneException, IOException {
    if (original.isInUse()) {
      throw new CloneException(inUse());
    }
    if (!original.isComplete()) {
      throw new CloneException(
          new UnsupportedSource(
              source + " was not shut down cleanly",
              "Start its server and stop it with pg_ctl stop -m fast, or import it while it runs:"
                  + " postgresql://user@host:port/"));
    }
    var tablespaces = original.tablespaces();
    if (!tablespaces.isEmpty()) {
      throw new CloneException(
          new UnsupportedSource(
              "the source has tablespaces outside of its data directory: "
                  + String.join(", ", tablespaces),
              "Move their tables and indexes to pg_default and drop them."));
    }
  }

  private UnsupportedSource inUse() {
    return new UnsupportedSource(
        "a server runs on " + source,
        "Stop it, or import it while it runs: postgresql://user@host:port/");
  }

  /**
   * Copies as the user who owns the source: what that user may not read is not copied, whatever the
   * source names. Links are copied as links, except those that Postgres itself follows: a clone
   * that wrote through one would write into the source.
   */
  private void copy(Path data, long total, Consumer<ImportProgress> progress)
      throws CloneException, IOException, InterruptedException {
    var owner = owner();
    var volume = new UntrustedFolder(data.resolveSibling(".").normalize());
    volume.giveTo(owner);
    try {
      copy(owner, source, data, "--no-dereference", watch(data, total, progress));
      for (var name : FOLLOWED) {
        follow(owner, name, data);
      }
    } finally {
      volume.giveTo(user.owner());
    }
    new UntrustedFolder(data).setPermissions(OWNER_ONLY);
  }

  private Owner owner() throws IOException {
    return user.isOther() ? new UntrustedFolder(source).owner() : user.owner();
  }

  /** Copies what a link names in place of the link, when there is one and it names something. */
  private void follow(Owner owner, String name, Path data)
      throws CloneException, IOException, InterruptedException {
    var copied = new UntrustedFolder(data);
    if (copied.find(name).filter(status -> status.kind() == FileKind.LINK).isPresent()) {
      copied.delete(name);
      if (Files.exists(source.resolve(name))) {
        copy(owner, source.resolve(name), data.resolve(name), "-H", _ -> {});
      }
    }
  }

  private void copy(Owner owner, Path from, Path to, String links, Consumer<String> lines)
      throws CloneException, InterruptedException {
    var argv =
        List.of(
            "cp",
            "--recursive",
            links,
            "--no-target-directory",
            "--preserve=mode,timestamps",
            "--reflink=auto",
            "--verbose",
            "--",
            from.toString(),
            to.toString());
    var result = Command.of(as(owner, argv)).within(TIMEOUT).run(lines);
    if (!result.ok()) {
      throw new CloneException(
          new SourceFailed(source + " could not be copied: " + result.problem(), result.stderr()));
    }
  }

  private List<String> as(Owner owner, List<String> argv) {
    if (!user.isOther() || owner.uid() == 0) {
      return argv;
    }
    var wrapped =
        new ArrayList<>(
            List.of(
                "setpriv",
                "--reuid=" + owner.uid(),
                "--regid=" + owner.gid(),
                "--clear-groups",
                "--no-new-privs",
                "--"));
    wrapped.addAll(argv);
    return wrapped;
  }

  /**
   * Removes from the copy what holds no data: pipes, sockets and devices, links that name nothing,
   * and links beside Postgres's own files, such as a certificate's.
   *
   * @throws CloneException with {@link UnsupportedSource} for a link in place of data
   */
  private void removeWhatIsNoData(Path data) throws CloneException, IOException {
    var copied = new UntrustedFolder(data);
    var removed = new ArrayList<String>();
    var linked = new ArrayList<String>();
    copied.walk(
        (name, status) -> {
          if (status.kind() == FileKind.LINK && isData(name)) {
            linked.add(name);
          } else if (!status.isFile() && !status.isFolder()) {
            removed.add(name);
          }
        });
    if (!linked.isEmpty()) {
      throw new CloneException(
          new UnsupportedSource(
              "the source has a link in place of data: " + linked.getFirst(),
              "Move what it names to where the link is."));
    }
    for (var name : removed) {
      copied.delete(name);
      log.warn("not copied: no plain file source=\"{}\" name=\"{}\"", source, name);
    }
  }

  /** Whether Postgres would read what a link names. */
  private boolean isData(String name) {
    var top = name.split("/", 2)[0];
    boolean postgres =
        top.equals("base")
            || top.equals("global")
            || top.equals("PG_VERSION")
            || (top.startsWith("pg_") && !top.endsWith(".conf"));
    return postgres && Files.exists(source.resolve(name));
  }

  private static Consumer<String> watch(Path data, long total, Consumer<ImportProgress> progress) {
    var target = new DataDirectory(data);
    var next = new long[] {System.nanoTime()};
    return line -> {
      if (System.nanoTime() >= next[0]) {
        progress.accept(new ImportProgress("copying", bytes(target), total));
        next[0] = System.nanoTime() + BETWEEN_PROGRESS.toNanos();
      }
    };
  }

  private static long bytes(DataDirectory target) {
    try {
      return Files.exists(target.path()) ? target.bytes() : 0;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
