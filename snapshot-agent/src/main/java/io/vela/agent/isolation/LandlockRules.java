package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCalls.Call;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A ruleset of Landlock (landlock(7); Linux documentation, "userspace-api/landlock.rst"): what it
 * handles is refused unless a rule allows it. Closing it changes nothing for those whom it holds.
 */
final class LandlockRules implements AutoCloseable {
  /** The first version of the interface that keeps signals and abstract sockets in: Linux 6.12. */
  static final long LEAST_VERSION = 6;

  private static final long VERSION = 1; // LANDLOCK_CREATE_RULESET_VERSION
  private static final long BELOW_PATH = 1; // LANDLOCK_RULE_PATH_BENEATH
  private static final long EXECUTE = 1;
  private static final long WRITE_FILE = 1 << 1;
  private static final long READ_FILE = 1 << 2;
  private static final long READ_FOLDER = 1 << 3;
  private static final long MAKE_CHARACTER_DEVICE = 1 << 6;
  private static final long MAKE_BLOCK_DEVICE = 1 << 11;
  private static final long TRUNCATE = 1 << 14;
  private static final long CONTROL_DEVICE = 1 << 15;

  /** All rights of version 5 and later. */
  private static final long ALL_OF_FILES = 0xFFFF;

  /** Binding and connecting of TCP. */
  private static final long ALL_OF_NETWORK = 3;

  /** Abstract Unix sockets and signals, kept among those whom the ruleset holds. */
  private static final long SCOPED = 3;

  private static final long RULESET_BYTES = 24; // struct landlock_ruleset_attr
  private static final long RULE_BYTES = 12; // struct landlock_path_beneath_attr, packed
  private static final long PATH_ONLY = 0x200000; // O_PATH
  private static final long NO_NEW_PRIVILEGES = 38; // PR_SET_NO_NEW_PRIVS

  private final Descriptors descriptors = new Descriptors();
  private final int ruleset;

  LandlockRules() throws SystemCallException {
    var calls = descriptors.calls();
    var structure = calls.allocate(RULESET_BYTES);
    structure.setAtIndex(ValueLayout.JAVA_LONG, 0, ALL_OF_FILES);
    structure.setAtIndex(ValueLayout.JAVA_LONG, 1, ALL_OF_NETWORK);
    structure.setAtIndex(ValueLayout.JAVA_LONG, 2, SCOPED);
    ruleset =
        descriptors.keep(
            calls.call(Call.LANDLOCK_CREATE_RULESET, structure.address(), RULESET_BYTES));
  }

  /**
   * The version of the interface that this kernel has.
   *
   * @throws SystemCallException when it has none
   */
  static long version() throws SystemCallException {
    return new SystemCalls().call(Call.LANDLOCK_CREATE_RULESET, 0, 0, VERSION);
  }

  /** Programs and libraries, where the folder exists. */
  void allowPrograms(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      allow(folder, EXECUTE | READ_FILE | READ_FOLDER);
    }
  }

  /** A file, or a folder with all in it, where it exists. */
  void allowReading(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      allow(path, READ_FILE | READ_FOLDER);
    } else if (Files.exists(path)) {
      allow(path, READ_FILE);
    }
  }

  /** A file or device. */
  void allowReadingAndWriting(Path file) throws IOException {
    allow(file, READ_FILE | WRITE_FILE | TRUNCATE);
  }

  /** Everything in a folder but running it and making devices. */
  void allowAllBelow(Path folder) throws IOException {
    allow(
        folder,
        ALL_OF_FILES & ~(EXECUTE | MAKE_CHARACTER_DEVICE | MAKE_BLOCK_DEVICE | CONTROL_DEVICE));
  }

  private void allow(Path path, long rights) throws SystemCallException {
    var calls = descriptors.calls();
    int opened =
        descriptors.keep(
            calls.call(
                Call.OPENAT,
                SystemCalls.CURRENT_FOLDER,
                calls.address(path.toString()),
                PATH_ONLY | Descriptors.CLOSE_ON_EXEC));
    var rule = calls.allocate(RULE_BYTES);
    rule.set(ValueLayout.JAVA_LONG, 0, rights);
    rule.set(ValueLayout.JAVA_INT, Long.BYTES, opened);
    calls.call(Call.LANDLOCK_ADD_RULE, ruleset, BELOW_PATH, rule.address());
    descriptors.close(opened);
  }

  /** Holds for the calling thread and all that it starts from here on, without a way back. */
  void enforce() throws SystemCallException {
    var calls = new SystemCalls();
    calls.call(Call.PRCTL, NO_NEW_PRIVILEGES, 1);
    calls.call(Call.LANDLOCK_RESTRICT_SELF, ruleset);
  }

  @Override
  public void close() {
    descriptors.close();
  }
}
