package io.vela.agent.postgres;

import io.vela.agent.Endpoint;
import io.vela.agent.isolation.RunFiles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;

/**
 * Where one instance has its files.
 *
 * @param data its data directory
 * @param run the folder of its socket, 0700 and owned by the user that runs it; the instance's
 *     other files stand beside it ({@link RunFiles})
 */
public record InstanceFiles(Path data, Path run) {
  /** Names the socket file only: nothing listens on TCP. */
  static final int PORT = 5432;

  private static final String SOCKET = ".s.PGSQL.";

  /** {@code sun_path} of a Unix socket address holds 108 bytes with the final zero (unix(7)). */
  private static final int LONGEST_SOCKET_PATH = 107;

  /**
   * {@code trust} is safe: nobody but Vela and the branch itself reaches the socket, and Vela has
   * asked who comes.
   */
  private static final String ACCESS_RULES = "local all all trust\nlocal replication all trust\n";

  private static final String RULES_NAME = "pg_hba.conf";
  private static final String MAPS_NAME = "pg_ident.conf";
  private static final int TAIL_BYTES = 8 * 1024;
  private static final int TAIL_LINES = 20;

  /**
   * @throws IllegalArgumentException when the socket's path would be too long for the system
   */
  public InstanceFiles {
    var socket = ownSocket(run).toString();
    if (socket.getBytes(StandardCharsets.UTF_8).length > LONGEST_SOCKET_PATH) {
      throw new IllegalArgumentException(
          "the path of a socket may have %d bytes, and this one is longer: %s"
              .formatted(LONGEST_SOCKET_PATH, socket));
    }
  }

  /**
   * What all instances read besides their data, content by path.
   *
   * @param folder of Vela's, in which the folders of the sockets are
   */
  public static Map<Path, String> common(Path folder) {
    return Map.of(folder.resolve(RULES_NAME), ACCESS_RULES, folder.resolve(MAPS_NAME), "");
  }

  /** Where it accepts connections of Vela's: a name of the socket that nobody else can change. */
  public Endpoint.UnixSocket endpoint() {
    return new Endpoint.UnixSocket(runFiles().socket().toString());
  }

  /** Where it accepts connections by its own name of the socket. */
  Endpoint.UnixSocket ownEndpoint() {
    return new Endpoint.UnixSocket(ownSocket(run).toString());
  }

  private static Path ownSocket(Path run) {
    return run.resolve(SOCKET + PORT);
  }

  RunFiles runFiles() {
    return new RunFiles(run);
  }

  Path accessRules() {
    return run.resolveSibling(RULES_NAME);
  }

  Path userMaps() {
    return run.resolveSibling(MAPS_NAME);
  }

  /** Makes the socket's folder, empty, and the access rules. */
  void prepareRun() throws IOException {
    if (!Files.isDirectory(run, LinkOption.NOFOLLOW_LINKS)) {
      Files.createDirectories(run);
      Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwx------"));
    }
    // Left by a server that was killed; their process ids mean nothing among other processes.
    Files.deleteIfExists(ownSocket(run));
    Files.deleteIfExists(run.resolve(SOCKET + PORT + ".lock"));
    if (!Files.exists(accessRules())) {
      write(userMaps(), "");
      write(accessRules(), ACCESS_RULES);
    }
  }

  private static void write(Path file, String text) throws IOException {
    var unfinished = Files.createTempFile(file.resolveSibling("."), "rules", ".new");
    Files.writeString(unfinished, text);
    Files.setPosixFilePermissions(unfinished, PosixFilePermissions.fromString("rw-r--r--"));
    Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE);
  }

  /**
   * Gives Vela a name of its own for the socket of an instance that is ready.
   *
   * @param port the instance's setting of that name
   */
  void publishSocket(String port) throws IOException {
    runFiles().publish(run.resolve(SOCKET + port));
  }

  /** Removes all but the data. */
  public void deleteRun() throws IOException {
    runFiles().delete();
    DataDirectory.delete(run);
  }

  /** The last lines of the log of the present or last start; empty when there is none. */
  public String logTail() {
    try (var file = new RandomAccessFile(runFiles().log().toFile(), "r")) {
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

  /** All its log files, the newest first. */
  public List<Path> logs() {
    return List.of(runFiles().log(), runFiles().olderLog());
  }
}
