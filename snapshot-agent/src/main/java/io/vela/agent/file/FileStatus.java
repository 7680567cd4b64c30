package io.vela.agent.file;

/**
 * What the system says of a directory entry, itself and not what a link names (statx(2)).
 *
 * @param permissions the lowest twelve bits of its mode
 * @param links how many names it has
 * @param device the file system that it lies on
 * @param bytes its size
 * @param mounted whether another file system is mounted there
 */
public record FileStatus(
    FileKind kind,
    int permissions,
    Owner owner,
    long links,
    long device,
    long bytes,
    boolean mounted) {
  private static final int SET_ID = 06000;

  /** Whether it is a plain file. */
  public boolean isFile() {
    return kind == FileKind.FILE;
  }

  /** Whether it is a folder. */
  public boolean isFolder() {
    return kind == FileKind.FOLDER;
  }

  /** Whether a program in it would run as its owner or group. */
  public boolean setsId() {
    return (permissions & SET_ID) != 0;
  }
}
