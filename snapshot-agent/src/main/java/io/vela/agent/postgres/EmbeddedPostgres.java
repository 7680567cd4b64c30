package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.Programs;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.compressors.xz.XZCompressorInputStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Postgres on the class path: jars of {@code io.zonky.test.postgres}, each with one archive of
 * the same name, so that the version is told by the jar's own name.
 */
final class EmbeddedPostgres {
  private static final Logger log = LoggerFactory.getLogger(EmbeddedPostgres.class);
  private static final Duration TIMEOUT = Duration.ofMinutes(5);
  private static final Pattern JAR = Pattern.compile("-((\\d+)\\.(\\d+)\\.(\\d+))\\.jar!/");

  private final Path folder;
  private final List<Path> prepared;

  private record Archive(String version, int major, int minor, URL url) {}

  /**
   * @param folder where versions are unpacked, each in a folder of its own
   * @param prepared folders of the same form where a version may be already
   */
  EmbeddedPostgres(Path folder, List<Path> prepared) {
    this.folder = folder;
    this.prepared = List.copyOf(prepared);
  }

  /**
   * The unpacked Postgres of that major version, whole or not at all: it is unpacked under another
   * name, written to disk, and then renamed.
   *
   * @return its folder; empty when the class path has none
   */
  synchronized Optional<Path> unpack(int major) throws CloneException, InterruptedException {
    try {
      var newest =
          archives().stream()
              .filter(archive -> archive.major() == major)
              .max(Comparator.comparingInt(Archive::minor));
      if (newest.isEmpty()) {
        return Optional.empty();
      }
      var version = newest.get().version();
      for (var place : prepared) {
        if (Files.isDirectory(place.resolve(version))) {
          return Optional.of(place.resolve(version));
        }
      }
      var target = folder.resolve(version);
      if (!Files.isDirectory(target)) {
        unpack(newest.get(), target);
      }
      return Optional.of(target);
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed(
              "the embedded Postgres could not be unpacked to " + folder, e.toString()),
          e);
    }
  }

  private static List<Archive> archives() throws IOException {
    var machine = System.getProperty("os.arch").equals("aarch64") ? "arm_64" : "x86_64";
    var archives = new ArrayList<Archive>();
    var urls =
        EmbeddedPostgres.class
            .getClassLoader()
            .getResources("postgres-linux-" + machine + ".txz")
            .asIterator();
    while (urls.hasNext()) {
      var url = urls.next();
      var jar = JAR.matcher(url.toString());
      if (jar.find()) {
        archives.add(
            new Archive(
                jar.group(1), Integer.parseInt(jar.group(2)), Integer.parseInt(jar.group(3)), url));
      }
    }
    return archives;
  }

  private void unpack(Archive archive, Path target) throws IOException, InterruptedException {
    long start = System.nanoTime();
    Files.createDirectories(folder);
    var unfinished = Files.createTempDirectory(folder, ".unpacking-");
    try {
      if (Programs.find("tar").isPresent() && Programs.find("xz").isPresent()) {
        withPrograms(archive, unfinished);
      } else {
        withJava(archive, unfinished);
      }
      Files.setPosixFilePermissions(unfinished, PosixFilePermissions.fromString("rwxr-xr-x"));
      Flush.fileSystemOf(unfinished);
      if (!Files.isDirectory(target)) {
        Files.move(unfinished, target, StandardCopyOption.ATOMIC_MOVE);
      }
    } finally {
      DataDirectory.delete(unfinished);
    }
    log.info(
        "embedded postgres unpacked version={} folder={} millis={}",
        archive.version(),
        target,
        (System.nanoTime() - start) / 1_000_000);
  }

  /** The system's programs take a quarter of the time that Java takes. */
  private static void withPrograms(Archive archive, Path root)
      throws IOException, InterruptedException {
    var packed = root.resolve("archive.txz");
    try (var in = archive.url().openStream()) {
      Files.copy(in, packed);
    }
    // Whatever the umask says (p): the user that runs Postgres must be able to read it. Owned by
    // who unpacks it (o). tar itself refuses paths that lead out of the folder.
    var result =
        Command.of("tar", "-xJpof", packed.toString(), "-C", root.toString()).within(TIMEOUT).run();
    if (!result.ok()) {
      throw new IOException(result.problem());
    }
    Files.delete(packed);
  }

  private static void withJava(Archive archive, Path root) throws IOException {
    try (var tar =
        new TarArchiveInputStream(new XZCompressorInputStream(archive.url().openStream()))) {
      for (var entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        write(entry, tar, root);
      }
    }
  }

  private static void write(TarArchiveEntry entry, InputStream content, Path root)
      throws IOException {
    var target = root.resolve(entry.getName()).normalize();
    if (!target.startsWith(root)) {
      throw new IOException("the archive has a path outside of it: " + entry.getName());
    }
    if (entry.isDirectory()) {
      folder(target);
      return;
    }
    var parent = target.getParent();
    if (parent != null) {
      folder(parent);
    }
    if (entry.isSymbolicLink()) {
      if (!target.resolveSibling(entry.getLinkName()).normalize().startsWith(root)) {
        throw new IOException("the archive has a link out of it: " + entry.getName());
      }
      Files.createSymbolicLink(target, Path.of(entry.getLinkName()));
      return;
    }
    Files.copy(content, target);
    var executable = (entry.getMode() & 0100) != 0;
    Files.setPosixFilePermissions(
        target, PosixFilePermissions.fromString(executable ? "rwxr-xr-x" : "rw-r--r--"));
  }

  private static void folder(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      Files.createDirectories(path);
      // Whatever the umask says: the user that runs Postgres must be able to read it.
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }
}
