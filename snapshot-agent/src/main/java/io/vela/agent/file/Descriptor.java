package io.vela.agent.file;

import io.vela.config.value.UntrustedText;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * An open folder or file, and what can be done by its descriptor: what is meant stays the same,
 * whatever its owner does to names meanwhile.
 *
 * <p>Names of entries are strings whose characters are the bytes of the name: a file may be named
 * by any bytes, and must be removable all the same.
 */
final class Descriptor implements AutoCloseable {
  private static final Machine MACHINE = Machine.THIS;

  /** {@code AT_FDCWD}: the name is a path. */
  private static final int BY_PATH = -100;

  private static final int READ = 0;
  private static final int WRITE = 1;
  private static final int CREATE_NEW = 0x40 | 0x80;
  private static final int APPEND = 0x400;

  /** A lease that another process has on a file (fcntl(2)) keeps nobody waiting. */
  private static final int NO_WAITING = 0x800;

  private static final int CLOSE_ON_EXEC = 0x80000;

  /** {@code O_PATH}: names the entry and opens nothing, neither pipe nor device. */
  private static final int NAME_ONLY = 0x200000;

  private static final int AT_NO_FOLLOW = 0x100;
  private static final int AT_REMOVE_FOLDER = 0x200;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int BASIC_STATUS = 0x7ff;

  /** {@code STATX_ATTR_MOUNT_ROOT}. */
  private static final long MOUNT_ROOT = 0x2000;

  /** {@code _IOW(0x94, 15, struct btrfs_ioctl_vol_args)} (btrfs.h): a number and the name. */
  private static final long DESTROY_SUBVOLUME = 0x5000_940fL;

  private static final int SUBVOLUME_ARGUMENT_BYTES = 4096;
  private static final int SUBVOLUME_NAME_AT = 8;
  private static final int STATUS_BYTES = 256;
  private static final int LIST_BYTES = 32 * 1024;
  private static final int PIECE_BYTES = 64 * 1024;
  private static final int OWNER_ALL = 0700;

  private final int number;
  private final String shown;

  private Descriptor(long number, String shown) {
    this.number = (int) number;
    this.shown = shown;
  }

  /** Opens a folder by its path; links on the way are followed. */
  static Descriptor trusted(Path folder) throws IOException {
    var path = raw(folder.toAbsolutePath().toString());
    return open(BY_PATH, path, NAME_ONLY | MACHINE.folderOnly, 0, folder.toString());
  }

  /** The bytes of a text as a name has them. */
  static String raw(String text) {
    return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
  }

  private static Descriptor open(int at, String name, int flags, int mode, String shown)
      throws IOException {
    try (var calls = new SystemCalls()) {
      var path = calls.name(name).address();
      long number;
      do {
        number = calls.call(MACHINE.open, at, path, flags | CLOSE_ON_EXEC, mode, 0);
      } while (number == -SystemCalls.INTERRUPTED);
      if (number < 0) {
        throw SystemCalls.failure(shown, -number);
      }
      return new Descriptor(number, shown);
    }
  }

  /** The path of an entry, as it may be shown. */
  String shown(String name) {
    return shown + "/" + shownName(name);
  }

  /** A name, as it may be shown. */
  static String shownName(String name) {
    var bytes = name.getBytes(StandardCharsets.ISO_8859_1);
    return new UntrustedText(new String(bytes, StandardCharsets.UTF_8)).line();
  }

  String shown() {
    return shown;
  }

  /** Opens an entry by name only: nothing is read, and a link is itself. */
  Descriptor entry(String name) throws IOException {
    return open(number, name, NAME_ONLY | MACHINE.noFollow, 0, shown(name));
  }

  /** Opens a folder in this one to work in it, not to list it. */
  Descriptor folder(String name) throws IOException {
    return open(number, name, NAME_ONLY | MACHINE.folderOnly | MACHINE.noFollow, 0, shown(name));
  }

  /** Opens this folder so that it can be listed. */
  Descriptor listable() throws IOException {
    return open(number, ".", READ | MACHINE.folderOnly | MACHINE.noFollow, 0, shown);
  }

  /** Makes a file that is not there, 0600. */
  Descriptor create(String name) throws IOException {
    return open(number, name, WRITE | CREATE_NEW | MACHINE.noFollow, 0600, shown(name));
  }

  /** Opens the plain file that was opened by name only. */
  Descriptor readable() throws IOException {
    requireFile();
    return open(BY_PATH, magicLink(), READ | NO_WAITING, 0, shown);
  }

  /** Opens the plain file that was opened by name only, to write at its end. */
  Descriptor appendable() throws IOException {
    requireFile();
    return open(BY_PATH, magicLink(), WRITE | APPEND | NO_WAITING, 0, shown);
  }

  private void requireFile() throws IOException {
    var kind = status().kind();
    if (kind != FileKind.FILE) {
      throw new UnsafeFileException(shown, "it is %s and not a plain file".formatted(kind));
    }
  }

  /** Names this very descriptor, not its path (proc(5)). */
  private String magicLink() {
    return "/proc/self/fd/" + number;
  }

  FileStatus status() throws IOException {
    try (var calls = new SystemCalls()) {
      var status = calls.buffer(STATUS_BYTES);
      var empty = calls.name("").address();
      check(
          calls.call(
              MACHINE.status,
              number,
              empty,
              AT_EMPTY_PATH | AT_NO_FOLLOW,
              BASIC_STATUS,
              status.address()));
      return parse(status);
    }
  }

  /** The fields of {@code struct statx}, which is the same on all machines. */
  private static FileStatus parse(MemorySegment status) {
    int mode = Short.toUnsignedInt(status.get(ValueLayout.JAVA_SHORT, 28));
    return new FileStatus(
        FileKind.of(mode),
        mode & 07777,
        new Owner(
            Integer.toUnsignedLong(status.get(ValueLayout.JAVA_INT, 20)),
            Integer.toUnsignedLong(status.get(ValueLayout.JAVA_INT, 24))),
        Integer.toUnsignedLong(status.get(ValueLayout.JAVA_INT, 16)),
        (Integer.toUnsignedLong(status.get(ValueLayout.JAVA_INT, 136)) << 32)
            | Integer.toUnsignedLong(status.get(ValueLayout.JAVA_INT, 140)),
        status.get(ValueLayout.JAVA_LONG, 40),
        (status.get(ValueLayout.JAVA_LONG, 8) & MOUNT_ROOT) != 0);
  }

  /**
   * The next names in this folder, except those of itself and its parent; none at its end.
   *
   * @param rewind whether to begin at its first
   */
  List<String> names(boolean rewind) throws IOException {
    try (var calls = new SystemCalls()) {
      if (rewind) {
        check(calls.call(MACHINE.seek, number, 0, 0, 0, 0));
      }
      var entries = calls.buffer(LIST_BYTES);
      while (true) {
        long length = check(calls.call(MACHINE.list, number, entries.address(), LIST_BYTES, 0, 0));
        var names = names(entries, length);
        if (length == 0 || !names.isEmpty()) {
          return names;
        }
      }
    }
  }

  /** The names in records of {@code struct linux_dirent64} (getdents(2)). */
  private static List<String> names(MemorySegment entries, long length) {
    var names = new ArrayList<String>();
    for (long at = 0; at < length; ) {
      var name = entries.getString(at + 19, StandardCharsets.ISO_8859_1);
      if (!name.equals(".") && !name.equals("..")) {
        names.add(name);
      }
      at += Short.toUnsignedInt(entries.get(ValueLayout.JAVA_SHORT_UNALIGNED, at + 16));
    }
    return names;
  }

  /** A path by which this process opens the same file once more (proc(5), "/proc/pid/fd"). */
  Path path() {
    return Path.of("/proc/self/fd", String.valueOf(number));
  }

  /**
   * Reads from where it is to the end.
   *
   * @throws UnsafeFileException when that is more than so many bytes
   */
  byte[] read(int most) throws IOException {
    try (var calls = new SystemCalls()) {
      int piece = Math.min(most + 1, PIECE_BYTES);
      var buffer = calls.buffer(piece);
      var bytes = new ByteArrayOutputStream();
      while (true) {
        long read = calls.call(MACHINE.read, number, buffer.address(), piece, 0, 0);
        if (read == -SystemCalls.INTERRUPTED) {
          continue;
        }
        if (check(read) == 0) {
          return bytes.toByteArray();
        }
        bytes.write(buffer.asSlice(0, read).toArray(ValueLayout.JAVA_BYTE), 0, (int) read);
        if (bytes.size() > most) {
          throw new UnsafeFileException(shown, "it is larger than %d bytes".formatted(most));
        }
      }
    }
  }

  void write(byte[] content) throws IOException {
    try (var calls = new SystemCalls()) {
      var buffer = calls.buffer(Math.max(1, content.length));
      MemorySegment.copy(content, 0, buffer, ValueLayout.JAVA_BYTE, 0, content.length);
      for (long at = 0; at < content.length; ) {
        long written =
            calls.call(MACHINE.write, number, buffer.address() + at, content.length - at, 0, 0);
        if (written != -SystemCalls.INTERRUPTED) {
          at += check(written);
        }
      }
    }
  }

  /** Writes to disk what was written. */
  void sync() throws IOException {
    call(calls -> calls.call(MACHINE.sync, number, 0, 0, 0, 0));
  }

  /** Gives away the file or folder itself. */
  void giveTo(Owner owner) throws IOException {
    call(
        calls ->
            calls.call(
                MACHINE.changeOwner,
                number,
                calls.name("").address(),
                owner.uid(),
                owner.gid(),
                AT_EMPTY_PATH));
  }

  /** Gives away an entry; a link itself. */
  void giveTo(String name, Owner owner) throws IOException {
    at(
        name,
        calls ->
            calls.call(
                MACHINE.changeOwner,
                number,
                calls.name(name).address(),
                owner.uid(),
                owner.gid(),
                AT_NO_FOLLOW));
  }

  void setPermissions(int permissions) throws IOException {
    call(
        calls ->
            calls.call(
                MACHINE.changeMode, BY_PATH, calls.name(magicLink()).address(), permissions, 0, 0));
  }

  /** Lets its owner list and change this folder. */
  void makeWritable() throws IOException {
    int permissions = status().permissions();
    if ((permissions & OWNER_ALL) != OWNER_ALL) {
      setPermissions(permissions | OWNER_ALL);
    }
  }

  void makeFolder(String name) throws IOException {
    at(
        name,
        calls ->
            calls.call(MACHINE.makeFolder, number, calls.name(name).address(), OWNER_ALL, 0, 0));
  }

  /** Removes an entry that is no folder; false when it is one. */
  boolean unlink(String name) throws IOException {
    try (var calls = new SystemCalls()) {
      long result = calls.call(MACHINE.unlink, number, calls.name(name).address(), 0, 0, 0);
      if (result == -SystemCalls.IS_A_FOLDER) {
        return false;
      }
      if (result < 0) {
        throw SystemCalls.failure(shown(name), -result);
      }
      return true;
    }
  }

  void removeFolder(String name) throws IOException {
    at(
        name,
        calls ->
            calls.call(MACHINE.unlink, number, calls.name(name).address(), AT_REMOVE_FOLDER, 0, 0));
  }

  /** Removes a subvolume of btrfs in this folder; false when it stays. */
  boolean destroySubvolume(String name) throws IOException {
    try (var calls = new SystemCalls();
        var folder = listable()) {
      var argument = calls.buffer(SUBVOLUME_ARGUMENT_BYTES);
      argument.setString(SUBVOLUME_NAME_AT, name, StandardCharsets.ISO_8859_1);
      return calls.call(MACHINE.control, folder.number, DESTROY_SUBVOLUME, argument.address(), 0, 0)
          == 0;
    }
  }

  /** Has the file system tell or do something about this file (ioctl(2)). */
  void control(SystemCalls calls, long request, MemorySegment argument) throws IOException {
    check(calls.call(MACHINE.control, number, request, argument.address(), 0, 0));
  }

  void rename(String name, Descriptor folder, String newName) throws IOException {
    at(
        name,
        calls ->
            calls.call(
                MACHINE.rename,
                number,
                calls.name(name).address(),
                folder.number,
                calls.name(newName).address(),
                0));
  }

  private void call(ToLongFunction<SystemCalls> call) throws IOException {
    try (var calls = new SystemCalls()) {
      check(call.applyAsLong(calls));
    }
  }

  private void at(String name, ToLongFunction<SystemCalls> call) throws IOException {
    try (var calls = new SystemCalls()) {
      long result = call.applyAsLong(calls);
      if (result < 0) {
        throw SystemCalls.failure(shown(name), -result);
      }
    }
  }

  private long check(long result) throws IOException {
    if (result < 0) {
      throw SystemCalls.failure(shown, -result);
    }
    return result;
  }

  @Override
  public void close() throws IOException {
    call(calls -> calls.call(MACHINE.close, number, 0, 0, 0, 0));
  }
}
