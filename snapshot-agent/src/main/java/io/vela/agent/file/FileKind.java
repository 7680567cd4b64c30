package io.vela.agent.file;

/** What a directory entry is (inode(7)). */
public enum FileKind {
  FILE("a file", 0x8000),
  FOLDER("a folder", 0x4000),
  LINK("a symbolic link", 0xA000),
  CHARACTER_DEVICE("a device", 0x2000),
  BLOCK_DEVICE("a device", 0x6000),
  PIPE("a named pipe", 0x1000),
  SOCKET("a socket", 0xC000),
  UNKNOWN("of no known kind", 0);

  private static final int TYPE_BITS = 0xF000;

  private final String text;
  private final int bits;

  FileKind(String text, int bits) {
    this.text = text;
    this.bits = bits;
  }

  static FileKind of(int mode) {
    for (var kind : values()) {
      if (kind.bits == (mode & TYPE_BITS)) {
        return kind;
      }
    }
    return UNKNOWN;
  }

  /** For a person, with its article. */
  @Override
  public String toString() {
    return text;
  }
}
