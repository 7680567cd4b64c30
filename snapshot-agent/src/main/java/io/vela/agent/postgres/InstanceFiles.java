package io.vela.agent.postgres;

import io.vela.agent.Endpoint;
import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * Where one instance has its files.
 *
 * @param data its data directory
 * @param run its private folder, 0700 and owned by the user that runs it: socket, access rules, log
 */
public record InstanceFiles(Path data, Path run) {
  /** Names the socket file only: nothing listens on TCP. */
  static final int PORT = 5432;

  /** {@code sun_path} of a Unix socket address holds 108 bytes with the final zero (unix(7)). */
  private static final int LONGEST_SOCKET_PATH = 107;

  private static final int TAIL_BYTES = 8 * 1024;
  private static final int TAIL_LINES = 20;

  /**
   * @throws IllegalArgumentException when the socket's path would be too long for the system
   */
  public InstanceFiles {
    var socket = socket(run);
    if (socket.getBytes(StandardCharsets.UTF_8).length > LONGEST_SOCKET_PATH) {
      throw new IllegalArgumentException(
          "the path of a socket may have %d bytes, and this one is longer: %s"
              .formatted(LONGEST_SOCKET_PATH, socket));
    }
  }

  /** Where it accepts connections. */
  public Endpoint.UnixSocket endpoint() {
    return new Endpoint.UnixSocket(socket(run));
  }

  private static String socket(Path run) {
    return run.resolve(".s.PGSQL." + PORT).toString();
  }

  Path log() {
    return run.resolve("postgres.log");
  }

  Path accessRules() {
    return run.resolve("pg_hba.conf");
  }

  Path userMaps() {
    return run.resolve("pg_ident.conf");
  }

  /**
   * Makes the private folder and its access rules, and puts the log of the start before aside.
   *
   * <p>{@code trust} is safe there: only the owner of the folder and root reach the socket.
   */
  void prepareRun(ServiceUser user) throws IOException {
    if (!Files.isDirectory(run)) {
      Files.createDirectories(run);
      Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwx------"));
      user.ownOne(run);
    }
    if (!Files.exists(accessRules())) {
      write(user, userMaps(), List.of());
      write(user, accessRules(), List.of("local all all trust", "local replication all trust"));
    }
    if (Files.exists(log())) {
      Files.move(log(), run.resolve("postgres.log.1"), StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private static void write(ServiceUser user, Path file, List<String> lines) throws IOException {
    var unfinished = file.resolveSibling(file.getFileName() + ".new");
    Files.write(unfinished, lines);
    Files.setPosixFilePermissions(unfinished, PosixFilePermissions.fromString("rw-------"));
    user.ownOne(unfinished);
    Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
  }

  /** The last lines of the log of the present or last start; empty when there is none. */
  public String logTail() {
    try (var file = new RandomAccessFile(log().toFile(), "r")) {
      long start = Math.max(0, file.length() - TAIL_BYTES);
      var bytes = new byte[(int) (file.length() - start)];
      file.seek(start);
      file.readFully(bytes);
      var lines = new String(bytes, StandardCharsets.UTF_8).lines().toList();
      return String.join("\n", lines.subList(Math.max(0, lines.size() - TAIL_LINES), lines.size()));
    } catch (IOException e) {
      return "";
    }
  }
}
