package io.vela.it.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;

/**
 * Programs that the tests need. As root they are installed from Debian's packages, which is said;
 * otherwise a missing one fails the test in CI and is reported as not run elsewhere.
 */
public final class Machine {
  private static final boolean ROOT = "root".equals(System.getProperty("user.name"));

  private Machine() {}

  /** The path of psql. */
  public static synchronized String psql() {
    return program("psql", "postgresql-client");
  }

  /** The path of node, with npm beside it. */
  public static synchronized String node() {
    program("npm", "npm");
    return program("node", "nodejs");
  }

  /** The path of a Python that has psycopg 3: the system's, since Debian has it as a package. */
  public static synchronized String pythonWithPsycopg() {
    var python = "/usr/bin/python3";
    if (!Files.isExecutable(Path.of(python)) || !hasPsycopg(python)) {
      if (!ROOT) {
        throw new AssertionError(
            "psycopg 3 is missing: install the Debian package python3-psycopg");
      }
      install("psycopg 3", "python3-psycopg");
    }
    return python;
  }

  /** The path of a Python that has psycopg 3 and its pool. */
  public static synchronized String pythonWithPsycopgPool() {
    var python = pythonWithPsycopg();
    if (Run.program(python, "-c", "import psycopg_pool").code() != 0) {
      install("psycopg_pool", "python3-psycopg-pool");
    }
    return python;
  }

  /** The path of node and the folder with the packages of npm that the tests use. */
  public static synchronized NodeWithPackages nodeWithPackages() {
    var node = node();
    var folder = Path.of("target", "drivers").toAbsolutePath();
    var modules = folder.resolve("node_modules");
    var wanted = List.of("pg@8", "pg-copy-streams@7", "postgres@3");
    var there =
        wanted.stream()
            .map(name -> name.substring(0, name.indexOf('@')))
            .allMatch(name -> Files.isDirectory(modules.resolve(name)));
    if (!there) {
      var install = new ArrayList<>(List.of("npm", "install", "--no-audit", "--no-fund"));
      install.addAll(List.of("--prefix", folder.toString()));
      install.addAll(wanted);
      Run.program(Map.of(), install).text();
    }
    return new NodeWithPackages(node, modules);
  }

  /**
   * Node and what it can load.
   *
   * @param program its path
   * @param modules the folder for {@code NODE_PATH}
   */
  public record NodeWithPackages(String program, Path modules) {}

  private static boolean hasPsycopg(String python) {
    return Run.program(python, "-c", "import psycopg").code() == 0;
  }

  /** The folder of the newest system Postgres with server, pg_basebackup and pgbench. */
  public static synchronized Path systemPostgres() {
    var found = systemPostgresIfThere();
    if (found.isEmpty()) {
      install("postgresql", "postgresql");
      found = systemPostgresIfThere();
    }
    return found.getLast();
  }

  /** Whether the tests run as root. */
  public static boolean isRoot() {
    return ROOT;
  }

  private static List<Path> systemPostgresIfThere() {
    try (var versions = Files.newDirectoryStream(Path.of("/usr/lib/postgresql"))) {
      var found = new ArrayList<Path>();
      for (var version : versions) {
        if (Files.isExecutable(version.resolve("bin/postgres"))
            && Files.isExecutable(version.resolve("bin/pg_basebackup"))) {
          found.add(version.resolve("bin"));
        }
      }
      found.sort(null);
      return found;
    } catch (IOException e) {
      return List.of();
    }
  }

  private static String program(String name, String debianPackage) {
    var path = find(name);
    if (path.isEmpty()) {
      install(name, debianPackage);
      path = find(name);
    }
    return path.orElseThrow(() -> new AssertionError(name + " is missing after its installation"));
  }

  private static java.util.Optional<String> find(String name) {
    for (var folder : List.of("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")) {
      var path = Path.of(folder, name);
      if (Files.isExecutable(path)) {
        return java.util.Optional.of(path.toString());
      }
    }
    return java.util.Optional.empty();
  }

  private static void install(String what, String debianPackage) {
    if (!ROOT) {
      var message = what + " is missing: install the Debian package " + debianPackage;
      if ("true".equals(System.getenv("CI"))) {
        throw new AssertionError(message);
      }
      Assumptions.abort("NOT RUN: " + message);
    }
    System.err.println("installing " + debianPackage + " for the tests");
    Run.program("apt-get", "update", "-qq").text();
    Run.program(
            Map.of("DEBIAN_FRONTEND", "noninteractive"),
            List.of("apt-get", "install", "-y", "-qq", "--no-install-recommends", debianPackage))
        .text();
  }

  /** A temporary folder that every user can reach. */
  public static Path folder() {
    try {
      var folder = Files.createTempDirectory("vela-it");
      Files.setPosixFilePermissions(
          folder, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-xr-x"));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
