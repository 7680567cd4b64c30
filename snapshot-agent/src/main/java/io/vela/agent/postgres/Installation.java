package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.BinariesMissing;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The programs and libraries of one Postgres.
 *
 * @param major its major version
 * @param bin the folder of its programs
 * @param libraries the folder that it calls {@code $libdir}
 */
public record Installation(int major, Path bin, Path libraries) {
  /**
   * One of its programs.
   *
   * @throws CloneException with {@link BinariesMissing} when this installation lacks it
   */
  public Path program(String name) throws CloneException {
    var file = bin.resolve(name);
    if (!Files.isExecutable(file)) {
      throw new CloneException(PostgresBinaries.missing(major, name));
    }
    return file;
  }

  /** The folder of all of it: programs, libraries and what they read. */
  Path folder() {
    return bin.resolveSibling(".").normalize();
  }

  /** The installation whose programs are in that folder; packagers differ in {@code $libdir}. */
  static Installation at(int major, Path bin) {
    var lib = bin.resolveSibling("lib");
    var nested = lib.resolve("postgresql");
    return new Installation(
        major, bin, Files.isRegularFile(nested.resolve("plpgsql.so")) ? nested : lib);
  }
}
