package io.vela.agent.isolation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * What one instance has outside of its data. Only {@link #folder} belongs to the user that runs the
 * instance; the rest stands beside it in a folder of Vela's own, where nobody else can plant a
 * link.
 *
 * @param folder where the instance makes its socket: the instance's own, 0700
 */
public record RunFiles(Path folder) {
  /** The log that Vela writes: what came through the pipe since the start. */
  public Path log() {
    return beside(".log");
  }

  /** The log of the start before, or of the time before the log grew too long. */
  public Path olderLog() {
    return beside(".log.1");
  }

  /** The pipe that the instance's outputs go to. */
  Path pipe() {
    return beside(".pipe");
  }

  /** What is needed to find the instance again after a crash of Vela. */
  Path record() {
    return beside(".instance");
  }

  /**
   * Another name of the instance's socket, made once the instance is ready. Whoever runs in the
   * branch may replace the first name by a link to somebody else's socket, but not this one.
   */
  public Path socket() {
    return beside(".sock");
  }

  /**
   * Makes the second name of a socket.
   *
   * @param original its first name, in the instance's own folder
   * @throws IOException when what has the first name is no socket
   */
  public void publish(Path original) throws IOException {
    Files.deleteIfExists(socket());
    // A link to a link is a link to that link (link(2)): what is made is looked at afterwards.
    Files.createLink(socket(), original);
    var attributes =
        Files.readAttributes(socket(), BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isOther()) {
      Files.delete(socket());
      throw new IOException(original + " is no socket");
    }
  }

  /**
   * Makes the folder root's: its instance reaches its socket in it, and adds and changes nothing.
   * Postgres needs nothing else there while it serves, and does without removing the socket.
   */
  void seal() throws IOException {
    Files.setAttribute(folder, "unix:uid", 0, LinkOption.NOFOLLOW_LINKS);
    Files.setAttribute(folder, "unix:gid", 0, LinkOption.NOFOLLOW_LINKS);
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx--x--x"));
    // It is the instance's, and so are its bytes.
    Files.deleteIfExists(folder.resolve(".s.PGSQL.5432.lock"));
  }

  /** Removes what stands beside the folder. */
  public void delete() throws IOException {
    for (var file : List.of(log(), olderLog(), pipe(), record(), socket())) {
      Files.deleteIfExists(file);
    }
  }

  private Path beside(String ending) {
    return folder.resolveSibling(folder.getFileName() + ending);
  }
}
