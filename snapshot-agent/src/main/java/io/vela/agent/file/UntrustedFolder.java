package io.vela.agent.file;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A folder whose owner may put anything into it at any moment: links, pipes, devices, huge files.
 * Vela may be root and must not be led by that owner's names.
 *
 * <p>The path up to the folder's parent is trusted: it consists of folders that only Vela's own
 * user may change. The folder's own name and all below it are opened one by one, no link is
 * followed, nothing but plain files is read, and only to a bound. Nothing here waits for another
 * process.
 *
 * <p>Names are relative, such as {@code global/pg_control}. Any thread; methods block for the disk.
 *
 * @param path the folder
 */
public record UntrustedFolder(Path path) {
  /** Deeper folders are not looked into: Postgres has none, and each costs a descriptor. */
  private static final int DEEPEST = 64;

  private static final int OWNER_ALL = 0700;
  private static final int OWNER_WRITE = 0200;

  /** Told of each entry below a folder. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * @param name relative to the folder, escaped so that it may be shown
     * @param status what it is
     */
    void visit(String name, FileStatus status) throws IOException;
  }

  public UntrustedFolder {
    path = path.toAbsolutePath().normalize();
    if (path.getParent() == null) {
      throw new IllegalArgumentException("the root folder is nobody's");
    }
  }

  private Descriptor open() throws IOException {
    try (var parent = Descriptor.trusted(parent(path))) {
      return parent.folder(name(path));
    }
  }

  private static Path parent(Path path) {
    return path.resolveSibling(".").normalize();
  }

  private static String name(Path path) {
    return Descriptor.raw(String.valueOf(path.getFileName()));
  }

  /** Opens the folder that an entry is in. */
  private Descriptor openParentOf(String name) throws IOException {
    var folder = open();
    var words = words(name);
    for (var word : words.subList(0, words.size() - 1)) {
      try (var passed = folder) {
        folder = passed.folder(word);
      }
    }
    return folder;
  }

  private static String last(String name) {
    return words(name).getLast();
  }

  private static List<String> words(String name) {
    var words = List.of(Descriptor.raw(name).split("/", -1));
    if (words.stream().anyMatch(word -> word.isEmpty() || word.startsWith("."))) {
      throw new IllegalArgumentException("no name below a folder: " + name);
    }
    return words;
  }

  /** Whether it is a folder itself, and no link to one. */
  public boolean isThere() throws IOException {
    try (var _ = open()) {
      return true;
    } catch (NoSuchFileException | UnsafeFileException e) {
      return false;
    }
  }

  /** What there is of that name; empty when there is nothing. */
  public Optional<FileStatus> find(String name) throws IOException {
    try (var folder = openParentOf(name);
        var entry = folder.entry(last(name))) {
      return Optional.of(entry.status());
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  /**
   * Reads a plain file.
   *
   * @param most how many bytes it may have
   * @throws NoSuchFileException when it is not there
   * @throws UnsafeFileException when it is not a plain file, or larger
   */
  public byte[] read(String name, int most) throws IOException {
    try (var folder = openParentOf(name);
        var entry = folder.entry(last(name));
        var file = entry.readable()) {
      return file.read(most);
    }
  }

  /**
   * Opens a plain file to be read again and again, whatever its name comes to mean later.
   *
   * @return at its beginning; whoever asked closes it
   * @throws NoSuchFileException when it is not there
   * @throws UnsafeFileException when it is not a plain file
   */
  public FileChannel open(String name) throws IOException {
    try (var folder = openParentOf(name);
        var entry = folder.entry(last(name));
        var file = entry.readable()) {
      return FileChannel.open(file.path());
    }
  }

  /**
   * Writes a file, whole or not at all, and to disk: 0600.
   *
   * @param owner whose it is to be
   */
  public void write(String name, byte[] content, Owner owner) throws IOException {
    try (var folder = openParentOf(name)) {
      var unfinished = last(name) + ".new";
      new TreeRemoval(folder).remove(unfinished);
      try (var file = folder.create(unfinished)) {
        file.giveTo(owner);
        file.write(content);
        file.sync();
      }
      folder.rename(unfinished, folder, last(name));
    }
  }

  /**
   * Makes an empty file, 0600.
   *
   * @throws java.nio.file.FileAlreadyExistsException when anything of that name is there
   */
  public void create(String name, Owner owner) throws IOException {
    try (var folder = openParentOf(name);
        var file = folder.create(last(name))) {
      file.giveTo(owner);
    }
  }

  /** Adds to a plain file that is there. */
  public void append(String name, byte[] content) throws IOException {
    try (var folder = openParentOf(name);
        var entry = folder.entry(last(name));
        var file = entry.appendable()) {
      file.write(content);
    }
  }

  /** Makes a folder in it, 0700. */
  public void makeFolder(String name, Owner owner) throws IOException {
    try (var folder = openParentOf(name)) {
      folder.makeFolder(last(name));
      try (var made = folder.folder(last(name))) {
        made.giveTo(owner);
      }
    }
  }

  /** Removes what is there of that name, a folder with all in it; a link itself. Idempotent. */
  public void delete(String name) throws IOException {
    try (var folder = openParentOf(name)) {
      new TreeRemoval(folder).remove(last(name));
    } catch (NoSuchFileException e) {
      // The folder that it would be in is not there either.
    }
  }

  /**
   * Removes the folder itself with all in it; when a link is in its place, the link. Idempotent.
   */
  public void delete() throws IOException {
    try (var parent = Descriptor.trusted(parent(path))) {
      new TreeRemoval(parent).remove(name(path));
    } catch (NoSuchFileException e) {
      // Its parent is not there either.
    }
  }

  /** Removes what is in a folder in it, and keeps that folder. Idempotent. */
  public void empty(String name) throws IOException {
    for (var entry : names(name)) {
      try (var folder = openParentOf(name);
          var emptied = folder.folder(last(name))) {
        new TreeRemoval(emptied).remove(entry);
      }
    }
  }

  /** The names in a folder in it, escaped; none when it is not there, or not a folder. */
  public List<String> list(String name) throws IOException {
    return names(name).stream().map(Descriptor::shownName).sorted().toList();
  }

  private List<String> names(String name) throws IOException {
    var names = new ArrayList<String>();
    try (var parent = openParentOf(name);
        var folder = parent.folder(last(name));
        var listed = folder.listable()) {
      for (var some = listed.names(true); !some.isEmpty(); some = listed.names(false)) {
        names.addAll(some);
      }
    } catch (NoSuchFileException | UnsafeFileException e) {
      return List.of();
    }
    return names;
  }

  /** Gives the folder and all in it to an owner; links themselves. */
  public void giveTo(Owner owner) throws IOException {
    try (var folder = open()) {
      folder.giveTo(owner);
      TreeWalk.overEntries(folder, DEEPEST, (parent, name, entry) -> parent.giveTo(name, owner));
    }
  }

  /** Who owns the folder itself. */
  public Owner owner() throws IOException {
    try (var folder = open()) {
      return folder.status().owner();
    }
  }

  /** Sets the folder's own permissions. */
  public void setPermissions(int permissions) throws IOException {
    try (var folder = open()) {
      folder.setPermissions(permissions);
    }
  }

  /**
   * Takes from or gives to its owner the right to add and remove files in it and in the folders
   * directly in it.
   */
  public void setWritable(boolean writable) throws IOException {
    try (var folder = open()) {
      setWritable(folder, true);
      try (var listed = folder.listable()) {
        for (var names = listed.names(true); !names.isEmpty(); names = listed.names(false)) {
          for (var name : names) {
            try (var entry = folder.entry(name)) {
              if (entry.status().isFolder()) {
                setWritable(entry, writable);
              }
            }
          }
        }
      }
      setWritable(folder, writable);
    }
  }

  private static void setWritable(Descriptor folder, boolean writable) throws IOException {
    int now = folder.status().permissions();
    int wanted = writable ? now | OWNER_ALL : now & ~OWNER_WRITE;
    if (now != wanted) {
      folder.setPermissions(wanted);
    }
  }

  /**
   * Tells of each entry below it, a folder before what is in it. What vanishes meanwhile is passed
   * over.
   *
   * @throws UnsafeFileException where folders are nested deeper than any of Postgres
   */
  public void walk(Visitor visitor) throws IOException {
    try (var folder = open()) {
      int base = folder.shown().length() + 1;
      TreeWalk.overEntries(
          folder,
          DEEPEST,
          (parent, name, entry) ->
              visitor.visit(parent.shown(name).substring(base), entry.status()));
    }
  }

  /**
   * Measures what the plain files in it take, those in subvolumes of btrfs in it too. What vanishes
   * meanwhile is passed over. Holds its thread in the kernel, some 10 microseconds a file.
   *
   * @throws UnsafeFileException where folders are nested deeper than any of Postgres
   * @throws IOException where the file system tells nothing of extents
   */
  public BlockUsage blocks() throws IOException {
    try (var folder = open();
        var tally = new ExtentTally()) {
      TreeWalk.overAll(
          folder,
          DEEPEST,
          (parent, name, entry) -> {
            if (entry.status().isFile()) {
              try (var file = entry.readable()) {
                tally.add(file);
              }
            }
          });
      return tally.usage();
    }
  }
}
