package io.vela.agent.file;

/**
 * The numbers that differ between machines (Linux source, {@code asm/unistd.h} and {@code
 * asm/fcntl.h}).
 */
enum Machine {
  X86_64(0x10000, 0x20000, 0, 1, 3, 8, 74, 217, 257, 258, 260, 263, 264, 268, 332, 16),
  AARCH64(0x4000, 0x8000, 63, 64, 57, 62, 82, 61, 56, 34, 54, 35, 38, 53, 291, 29);

  static final Machine THIS = System.getProperty("os.arch").equals("aarch64") ? AARCH64 : X86_64;

  final int folderOnly;
  final int noFollow;
  final int read;
  final int write;
  final int close;
  final int seek;
  final int sync;
  final int list;
  final int open;
  final int makeFolder;
  final int changeOwner;
  final int unlink;
  final int rename;
  final int changeMode;
  final int status;
  final int control;

  Machine(
      int folderOnly,
      int noFollow,
      int read,
      int write,
      int close,
      int seek,
      int sync,
      int list,
      int open,
      int makeFolder,
      int changeOwner,
      int unlink,
      int rename,
      int changeMode,
      int status,
      int control) {
    this.folderOnly = folderOnly;
    this.noFollow = noFollow;
    this.read = read;
    this.write = write;
    this.close = close;
    this.seek = seek;
    this.sync = sync;
    this.list = list;
    this.open = open;
    this.makeFolder = makeFolder;
    this.changeOwner = changeOwner;
    this.unlink = unlink;
    this.rename = rename;
    this.changeMode = changeMode;
    this.status = status;
    this.control = control;
  }
}
